// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotatedCheck } from './annotated-check.ts';
import { DEFAULT_TIMING } from './health-check.ts';

const PREFIX = 'fairlead.io/health-check';

/** Annotations by what follows `health-check`: the empty key is `health-check` itself. */
function service(
  parts: Readonly<Record<string, string>>,
  ports: readonly object[] = [{ port: 80 }],
): Service {
  const annotations = Object.fromEntries(
    Object.entries(parts).map(([key, value]) => [key === '' ? PREFIX : `${PREFIX}-${key}`, value]),
  );
  return { metadata: { name: 'web', namespace: 'default', annotations }, spec: { ports } } as Service;
}

function problemsOf(parts: Readonly<Record<string, string>>): readonly string[] {
  return annotatedCheck(service(parts)).problems.map(({ message }) => message);
}

describe('annotatedCheck', () => {
  it('is none unless it is asked for', () => {
    expect(annotatedCheck(service({}))).toEqual({ check: undefined, problems: [] });
    expect(annotatedCheck(service({ '': 'none', path: '/later' }))).toEqual({
      check: undefined,
      problems: [],
    });
  });

  it('needs one word', () => {
    expect(annotatedCheck(service({ '': 'tcp' })).check).toEqual({
      probe: { kind: 'tcp' },
      port: undefined,
      ...DEFAULT_TIMING,
    });
    expect(annotatedCheck(service({ '': ' http ' })).check?.probe).toEqual({
      kind: 'http',
      path: '/',
      host: undefined,
      statuses: [[200, 399]],
    });
  });

  it('takes every detail', () => {
    const parts = {
      '': 'https',
      port: '9443',
      path: '/healthz?deep=1',
      host: 'web.example.com',
      status: '200-299, 404',
      interval: '2s',
      timeout: '500ms',
      rise: '3',
      fall: '4',
    };
    expect(annotatedCheck(service(parts))).toEqual({
      check: {
        probe: {
          kind: 'https',
          path: '/healthz?deep=1',
          host: 'web.example.com',
          statuses: [
            [200, 299],
            [404, 404],
          ],
        },
        port: 9443,
        intervalMs: 2_000,
        timeoutMs: 500,
        rise: 3,
        fall: 4,
      },
      problems: [],
    });
  });

  it.each([
    [{ '': 'ping' }, 'fairlead.io/health-check is "ping"; expected tcp, http, https or none'],
    [
      { '': 'tcp', port: '0' },
      'fairlead.io/health-check-port is "0"; expected a whole number from 1 to 65535',
    ],
    [{ '': 'http', path: 'healthz' }, 'fairlead.io/health-check-path is "healthz"; expected a path'],
    [{ '': 'http', path: '/a b' }, 'fairlead.io/health-check-path is "/a b"; expected a path'],
    [{ '': 'http', host: 'a\r\nb: c' }, 'fairlead.io/health-check-host is'],
    [{ '': 'http', status: '200-' }, 'fairlead.io/health-check-status is "200-"; expected statuses'],
    [{ '': 'http', status: '299-200' }, 'fairlead.io/health-check-status is "299-200"; expected statuses'],
    [
      { '': 'tcp', interval: '1ms' },
      'fairlead.io/health-check-interval is "1ms"; expected a duration from 50 ms',
    ],
    [{ '': 'tcp', timeout: '5' }, 'fairlead.io/health-check-timeout is "5"; expected a duration'],
    [
      { '': 'tcp', rise: '-1' },
      'fairlead.io/health-check-rise is "-1"; expected a whole number from 1 to 100',
    ],
    [{ '': 'tcp', path: '/' }, 'fairlead.io/health-check is "tcp", for which fairlead.io/health-check-path'],
    [{ path: '/' }, 'fairlead.io/health-check-path means nothing without fairlead.io/health-check;'],
  ])('is none when a part cannot be read, and says which: %j', (parts, message) => {
    expect(annotatedCheck(service(parts)).check).toBeUndefined();
    expect(problemsOf(parts)).toEqual([expect.stringContaining(message)]);
  });

  it('tells all problems at once', () => {
    expect(problemsOf({ '': 'http', path: '-', status: '-', rise: '-' })).toHaveLength(3);
  });

  it('says which ports it cannot check, and checks the others', () => {
    const ports = [{ port: 80 }, { port: 53, protocol: 'UDP' }];
    const { check, problems } = annotatedCheck(service({ '': 'tcp' }, ports));
    expect(check).toBeDefined();
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('53/UDP')]);
    expect(annotatedCheck(service({ '': 'tcp', port: '80' }, ports)).problems).toEqual([]);
  });

  it('never lets anything into a request that could end its line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (path, host) => {
        const probe = annotatedCheck(service({ '': 'http', path: `/${path}`, host })).check?.probe;
        if (probe === undefined || probe.kind === 'tcp') return;
        expect(`${probe.path}${probe.host ?? ''}`).toMatch(/^[!-~]*$/);
      }),
    );
  });
});
