// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { parseDurationMs, parseInteger } from '@fairlead/shared/runtime/parse-values.ts';
import { AnnotationReader } from '../../services/annotation-reader.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { ServedService } from '../../services/served-service.ts';
import { DEFAULT_TIMING, type HealthCheck, type Probe, type StatusRange } from './health-check.ts';

/** What a Service asks for. */
export interface AnnotatedCheck {
  /** Undefined: nothing is asked for, or it cannot be read. */
  readonly check: HealthCheck | undefined;
  readonly problems: readonly ServiceProblem[];
}

const HTTP_DETAILS = [
  ANNOTATION.healthCheckPath,
  ANNOTATION.healthCheckHost,
  ANNOTATION.healthCheckStatus,
] as const;
/** Without `health-check` itself these mean nothing. */
const DETAILS = [
  ...HTTP_DETAILS,
  ANNOTATION.healthCheckPort,
  ANNOTATION.healthCheckInterval,
  ANNOTATION.healthCheckTimeout,
  ANNOTATION.healthCheckRise,
  ANNOTATION.healthCheckFall,
] as const;

/** What the kubelet takes for a success. */
const USUAL_STATUSES: readonly StatusRange[] = [[200, 399]];
/** Below, a check costs more than it can find out. */
const INTERVAL = { minMs: 50, maxMs: 300_000 } as const;
const TIMEOUT = { minMs: 10, maxMs: 60_000 } as const;
const RUN = { min: 1, max: 100 } as const;

/** An object never changes in place: every version is one of its own, so what was read from it can be kept. */
const known = new WeakMap<Service, AnnotatedCheck>();

/**
 * The health check that a Service's annotations ask for. One of which anything cannot be read is none, and told: a check
 * that is not the one meant would take living back ends for dead. Pure.
 */
export function annotatedCheck(service: Service): AnnotatedCheck {
  const before = known.get(service);
  if (before !== undefined) return before;
  const result = readCheck(service);
  known.set(service, result);
  return result;
}

/** A data plane that is not ours sends connections where it likes. */
export function checksWithoutPlane(
  services: Iterable<Pick<ServedService, 'key' | 'object'>>,
): ReadonlyMap<string, readonly ServiceProblem[]> {
  const problems = new Map<string, readonly ServiceProblem[]>();
  for (const { key, object } of services) {
    const { check, problems: found } = annotatedCheck(object);
    const all = check === undefined ? found : [...found, WITHOUT_PLANE];
    if (all.length > 0) problems.set(key, all);
  }
  return problems;
}

const WITHOUT_PLANE: ServiceProblem = {
  reason: AGENT_REASON.healthCheckUnsupported,
  message:
    `${ANNOTATION.healthCheck} has no effect, as the agents have no data plane of their own for Services (fairlead_balance is "none"); ` +
    'readiness probes of the pods do what kube-proxy understands',
};

function readCheck(service: Service): AnnotatedCheck {
  const reader = new AnnotationReader(service, AGENT_REASON.healthCheckInvalid);
  const kind = reader.read(ANNOTATION.healthCheck, parseKind, 'none');
  if (kind === 'none') {
    const isReadable = reader.problems.length === 0;
    const lost =
      isReadable && !reader.has(ANNOTATION.healthCheck) ? DETAILS.filter((name) => reader.has(name)) : [];
    if (lost.length > 0)
      reader.report(
        `${lost.join(', ')} means nothing without ${ANNOTATION.healthCheck}; expected tcp, http or https there`,
      );
    return { check: undefined, problems: reader.problems };
  }
  const check: HealthCheck = {
    probe: readProbe(reader, kind),
    port: reader.read(
      ANNOTATION.healthCheckPort,
      (text) => parseInteger(text, { min: 1, max: 65_535 }),
      undefined,
    ),
    intervalMs: reader.read(
      ANNOTATION.healthCheckInterval,
      (text) => parseDurationMs(text, INTERVAL),
      DEFAULT_TIMING.intervalMs,
    ),
    timeoutMs: reader.read(
      ANNOTATION.healthCheckTimeout,
      (text) => parseDurationMs(text, TIMEOUT),
      DEFAULT_TIMING.timeoutMs,
    ),
    rise: reader.read(ANNOTATION.healthCheckRise, (text) => parseInteger(text, RUN), DEFAULT_TIMING.rise),
    fall: reader.read(ANNOTATION.healthCheckFall, (text) => parseInteger(text, RUN), DEFAULT_TIMING.fall),
  };
  if (reader.problems.length > 0) return { check: undefined, problems: reader.problems };
  if (check.port === undefined) reportUnprobed(service, reader);
  return { check, problems: reader.problems };
}

/** A probe is a TCP connection. */
function reportUnprobed(service: Service, reader: AnnotationReader): void {
  const ports = service.spec?.ports ?? [];
  const unprobed = ports.filter(({ protocol = 'TCP' }) => protocol !== 'TCP');
  if (unprobed.length === 0) return;
  const names = unprobed.map(({ port, protocol }) => `${port}/${protocol}`).join(', ');
  reader.report(
    `endpoints of ${names} are not checked, as a check is a TCP connection; name one of the pods' TCP ports in ${ANNOTATION.healthCheckPort}`,
  );
}

function readProbe(reader: AnnotationReader, kind: Probe['kind']): Probe {
  if (kind === 'tcp') {
    const lost = HTTP_DETAILS.filter((name) => reader.has(name));
    if (lost.length > 0)
      reader.report(
        `${ANNOTATION.healthCheck} is "tcp", for which ${lost.join(', ')} means nothing; expected "http" or "https"`,
      );
    return { kind };
  }
  return {
    kind,
    path: reader.read(ANNOTATION.healthCheckPath, parsePath, '/'),
    host: reader.read(ANNOTATION.healthCheckHost, parseHost, undefined),
    statuses: reader.read(ANNOTATION.healthCheckStatus, parseStatuses, USUAL_STATUSES),
  };
}

function parseKind(text: string): Parsed<Probe['kind'] | 'none'> {
  if (text === 'tcp' || text === 'http' || text === 'https' || text === 'none') return parsed(text);
  return unparsable('tcp, http, https or none');
}

/** As it stands in the request line: nothing in it is encoded by us. */
function parsePath(text: string): Parsed<string> {
  if (/^\/[!"$-~]{0,1023}$/.test(text)) return parsed(text);
  return unparsable(
    'a path such as /healthz, of at most 1024 characters of ASCII, without blanks and fragment',
  );
}

function parseHost(text: string): Parsed<string> {
  if (/^([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?$/.test(text)) return parsed(text);
  return unparsable('a host such as web.example.com or web.example.com:8443');
}

/** `200`, `200-299`, `200-299,404`. */
function parseStatuses(text: string): Parsed<readonly StatusRange[]> {
  const ranges: StatusRange[] = [];
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(part) ?? [];
    if (first === undefined || last === undefined || first > last)
      return unparsable('statuses from 100 to 599 such as 200 or 200-299,404');
    ranges.push([Number(first), Number(last)]);
  }
  return parsed(ranges);
}
