// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { DEFAULT_TIMING, type HealthCheck, type Probe } from '../../balance/health/health-check.ts';
import type { ProxyMode } from '../../balance/user-space/listener.ts';
import { PORT, type Section } from './section.ts';

const INTERVAL_MS = { min: 50, max: 3_600_000 };
const COUNT = { min: 1, max: 100 };

/** What everybody takes for an answer of somebody who is well. */
const WELL = [[200, 399]] as const;

/**
 * Reads `healthCheck` of a load balancer. Without it back ends are asked for a TCP connection; `type: none` switches that
 * off. Back ends of UDP are only asked when a port is named.
 */
export function readHealthCheck(section: Section | undefined, mode: ProxyMode): HealthCheck | undefined {
  if (section === undefined) {
    return mode === 'udp' ? undefined : { probe: { kind: 'tcp' }, port: undefined, ...DEFAULT_TIMING };
  }
  const kind = section.oneOf('type', ['tcp', 'http', 'https', 'none']) ?? 'tcp';
  const probe: Probe =
    kind === 'http' || kind === 'https'
      ? {
          kind,
          path: section.parse('path', parsePath) ?? '/',
          host: section.string('host'),
          statuses: WELL,
        }
      : { kind: 'tcp' };
  const check: HealthCheck = {
    probe,
    port: section.integer('port', PORT),
    intervalMs: section.integer('intervalMs', INTERVAL_MS) ?? DEFAULT_TIMING.intervalMs,
    timeoutMs: section.integer('timeoutMs', INTERVAL_MS) ?? DEFAULT_TIMING.timeoutMs,
    rise: section.integer('rise', COUNT) ?? DEFAULT_TIMING.rise,
    fall: section.integer('fall', COUNT) ?? DEFAULT_TIMING.fall,
  };
  section.finish();
  if (kind === 'none') return undefined;
  if (mode === 'udp' && check.port === undefined) {
    section.problem('port', 'the TCP port to ask, as an answer by UDP proves nothing');
    return undefined;
  }
  return check;
}

function parsePath(text: string): Parsed<string> {
  return /^\/[!-~]*$/.test(text) ? parsed(text) : unparsable('a path that begins with a slash');
}
