// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { abCommand, isHalfWay, parseAb } from './ab.ts';

const PRINTED = `This is ApacheBench, Version 2.3 <$Revision: 1923142 $>
Completed 2000 requests
Finished 20000 requests

Concurrency Level:      100
Time taken for tests:   6.021 seconds
Complete requests:      20000
Failed requests:        12
   (Connect: 0, Receive: 6, Length: 0, Exceptions: 6)
Total transferred:      4120000 bytes
Requests per second:    3321.70 [#/sec] (mean)

Percentage of the requests served within a certain time (ms)
  50%     28
  99%     61
 100%   1043 (longest request)`.split('\n');

describe('ab', () => {
  it('goes on after errors', () => {
    const run = { url: 'http://192.0.2.1/', requests: 20_000, concurrency: 100 };
    expect(abCommand(run).join(' ')).toContain('ab -r -l -n 20000 -c 100 http://192.0.2.1/');
  });

  it('is read', () => {
    expect(parseAb(PRINTED, { requests: 20_000 })).toEqual({
      requests: 20_000,
      failed: 12,
      requestsPerSecond: 3321.7,
      p99Ms: 61,
      worstMs: 1043,
    });
  });

  it('counts bad statuses, and what was never sent', () => {
    const lines = [...PRINTED, 'Non-2xx responses:      3'];
    expect(parseAb(lines, { requests: 20_005 }).failed).toBe(12 + 3 + 5);
  });

  it('is refused when it ended early', () => {
    const lines = ['Completed 2000 requests', 'apr_pollset_poll: The timeout specified has expired (70007)'];
    expect(() => parseAb(lines, { requests: 20_000 })).toThrow(/something else than expected[\s\S]*70007/);
  });

  it('tells when half of it is done', () => {
    expect(isHalfWay('Completed 10000 requests', 20_000)).toBe(true);
    expect(isHalfWay('Completed 8000 requests', 20_000)).toBe(false);
  });
});
