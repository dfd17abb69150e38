// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf } from '../testing/frontends.ts';
import { staleFlows } from './conntrack.ts';

describe('staleFlows', () => {
  const frontend = (
    backends: readonly string[],
    protocol: 'tcp' | 'udp' = 'udp',
  ): ReadonlyMap<string, Frontend> => {
    const all = backends.map((address) => backendOf(address, 53));
    const one = frontendOf('172.18.0.200', all, { protocol, port: 53 });
    return new Map([[one.id, one]]);
  };
  const flow = '-D -f ipv4 -p udp --orig-dst 172.18.0.200 --orig-port-dst 53';
  const told = (before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>) =>
    staleFlows(before, after).map((deletion) => deletion.join(' '));

  it('are those to removed backends', () => {
    expect(told(frontend(['10.0.0.1', '10.0.0.2']), frontend(['10.0.0.2', '10.0.0.3']))).toEqual([
      `${flow} --reply-src 10.0.0.1`,
    ]);
    expect(told(frontend(['10.0.0.1']), new Map())).toEqual([`${flow} --reply-src 10.0.0.1`]);
  });
  it('are all, when there was no backend before', () => {
    expect(told(frontend([]), frontend(['10.0.0.1']))).toEqual([flow]);
    expect(told(new Map(), frontend(['10.0.0.1']))).toEqual([flow]);
  });
  it('are none for TCP, or without a change', () => {
    expect(told(frontend(['10.0.0.1'], 'tcp'), new Map())).toEqual([]);
    expect(told(frontend(['10.0.0.1']), frontend(['10.0.0.1']))).toEqual([]);
  });
});
