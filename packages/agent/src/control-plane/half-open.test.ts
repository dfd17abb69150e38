// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import { backendOf, frontendOf } from '../balance/testing/frontends.ts';
import { type ConntrackDeletion, HalfOpenFlows } from './half-open.ts';

const withServers = (...addresses: readonly string[]) => {
  const backends = addresses.map((address) => backendOf(address, 6443));
  const frontend = frontendOf('192.0.2.10', backends, { port: 443 });
  return new Map([[frontend.id, frontend]]);
};

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('HalfOpenFlows', () => {
  it('forgets what was begun with servers that are left out now, and nothing else', async () => {
    const deletions: ConntrackDeletion[] = [];
    const flows = new HalfOpenFlows(silentLogger, (deletion) => {
      deletions.push(deletion);
      return Promise.resolve('');
    });
    flows.follow(withServers('192.0.2.11', '192.0.2.12'));
    flows.follow(withServers('192.0.2.11', '192.0.2.12', '192.0.2.13'));
    await settled();
    expect(deletions).toEqual([]);
    flows.follow(withServers('192.0.2.11', '192.0.2.13'));
    await settled();
    expect(deletions.map((deletion) => deletion.join(' '))).toEqual([
      '-D -f ipv4 -p tcp --state SYN_SENT --orig-dst 192.0.2.10 --orig-port-dst 443 --reply-src 192.0.2.12',
    ]);
  });

  it('says once that it cannot, and does no more', async () => {
    let runs = 0;
    const flows = new HalfOpenFlows(silentLogger, () => {
      runs += 1;
      return Promise.reject(new Error('ENOENT'));
    });
    flows.follow(withServers('192.0.2.11', '192.0.2.12'));
    flows.follow(new Map());
    await settled();
    expect(runs).toBe(1);
  });
});
