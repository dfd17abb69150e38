// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import type { Surroundings } from '../surroundings.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { withDirectReturn, withoutDirectReturn } from './direct-return.ts';
import { surroundingsFor } from './testing/surroundings.ts';

const VIP = '172.18.0.200';
const on = (node: string, address: string) => backendOf(address, 8080, { node });
const here = on('node1', '10.244.1.2');
const there = on('node2', '10.244.2.2');
const alsoThere = on('node2', '10.244.2.3');
const elsewhere = on('far', '10.244.9.2');

function resolved(frontend: Frontend, surroundings: Surroundings = surroundingsFor('node1')) {
  const { frontends, problems } = withDirectReturn(modelOf(frontend), surroundings);
  return { frontend: frontends.get(frontend.id), problems: problems.get(frontend.service) ?? [] };
}

describe('withDirectReturn', () => {
  const dsr = (backends: Frontend['backends'], parts: Partial<Frontend> = {}) =>
    frontendOf(VIP, backends, { forwarding: 'dsr', ...parts });

  it('shares flows between nodes by the weights of their endpoints, and sends to its own ones only', () => {
    const { frontend, problems } = resolved(dsr([here, there, alsoThere]));
    expect(frontend).toMatchObject({ backends: [here], masquerade: false });
    expect(frontend?.direct).toEqual({
      link: 'eth0',
      linkIndex: 2,
      self: '172.18.0.1',
      hops: [
        { address: '172.18.0.1', weight: 1, ending: 0 },
        { address: '172.18.0.2', weight: 2, ending: 0 },
      ],
    });
    expect(problems).toEqual([]);
  });

  it('looks anew at a front end when nodes or links have changed, and only then', () => {
    const frontend = dsr([here, there]);
    const surroundings = surroundingsFor('node1');
    const addresses = new Map([1, 2].map((number) => [`node${number}`, [`172.18.0.${number}`]]));
    const known = { ...surroundings, addressesOf: (node: string) => addresses.get(node) ?? [] };
    const first = resolved(frontend, known).frontend;
    expect(resolved(frontend, { ...known }).frontend).toBe(first);
    addresses.set('node2', ['172.18.0.22']);
    expect(resolved(frontend, known).frontend?.direct?.hops[1]?.address).toBe('172.18.0.22');
    const [link] = surroundings.links;
    const renewed = { ...known, links: link === undefined ? [] : [{ ...link, index: 7 }] };
    expect(resolved(frontend, renewed).frontend?.direct?.linkIndex).toBe(7);
  });

  it('comes to the same hops on every node', () => {
    const frontend = dsr([here, there]);
    const hops = ['node1', 'node2', 'node3'].map(
      (node) => resolved(frontend, surroundingsFor(node)).frontend?.direct?.hops,
    );
    expect(hops[1]).toEqual(hops[0]);
    expect(hops[2]).toEqual(hops[0]);
  });

  it('has all endpoints, by NAT, where a node has none of its own', () => {
    const { frontend } = resolved(dsr([there]));
    expect(frontend).toMatchObject({ backends: [there], masquerade: true, direct: { self: undefined } });
  });

  it('takes the share of endpoints that no hop stands for, and tells of them', () => {
    const { frontend, problems } = resolved(dsr([here, there, elsewhere]));
    expect(frontend).toMatchObject({ backends: [here, elsewhere], masquerade: true });
    expect(frontend?.direct?.hops).toMatchObject([{ weight: 2 }, { weight: 1 }]);
    expect(problems).toMatchObject([
      { reason: 'ForwardingUnavailable', message: expect.stringContaining('10.244.9.2 port 8080') },
    ]);
  });

  it('knows nodes that only end what they have', () => {
    const { frontend } = resolved(dsr([here], { ending: [there] }));
    expect(frontend?.direct?.hops).toMatchObject([
      { weight: 1, ending: 0 },
      { weight: 0, ending: 1 },
    ]);
  });

  it('leaves policy Local and NAT as they are', () => {
    const local = dsr([here], { masquerade: false });
    expect(resolved(local).frontend).toBe(local);
    const model = modelOf(frontendOf(VIP, [here, there]));
    expect(withDirectReturn(model, surroundingsFor('node1'))).toBe(model);
  });

  it('goes by NAT, and says so, where there is no link for the address', () => {
    const frontend = dsr([here, there]);
    const without = { ...surroundingsFor('node1'), linkOf: () => undefined };
    expect(resolved(frontend, without).frontend).toEqual(frontend);
    expect(resolved(frontend, without).problems).toMatchObject([{ reason: 'ForwardingUnavailable' }]);
  });

  it('sends to endpoints themselves where they hold the address, with the port as it came', () => {
    const holder = backendOf('172.18.0.50', 80);
    const mapped = backendOf('172.18.0.51', 8080);
    const routed = backendOf('10.0.0.7', 80);
    const { frontend, problems } = resolved(
      frontendOf(VIP, [holder, mapped, routed], { forwarding: 'directRoute' }),
    );
    expect(frontend?.direct?.hops).toEqual([
      { address: '172.18.0.1', weight: 2, ending: 0 },
      { address: '172.18.0.50', weight: 1, ending: 0 },
    ]);
    expect(frontend).toMatchObject({ backends: [mapped, routed], masquerade: true });
    expect(problems).toHaveLength(1);
  });

  it('sends to endpoints of its own machine with whichever port, and is one of the hops', () => {
    const own = backendOf('172.18.0.1', 80);
    const ownMapped = backendOf('172.18.0.1', 8080);
    const other = backendOf('172.18.0.50', 80);
    const outside = { ...surroundingsFor('node1'), node: '', addressesOf: () => [] };
    const asked = { forwarding: 'directRoute', masquerade: false } as const;
    const { frontend, problems } = resolved(frontendOf(VIP, [own, ownMapped, other], asked), outside);
    expect(frontend).toMatchObject({ backends: [own, ownMapped], masquerade: false });
    expect(frontend?.direct).toMatchObject({
      self: '172.18.0.1',
      hops: [
        { address: '172.18.0.1', weight: 2 },
        { address: '172.18.0.50', weight: 1 },
      ],
    });
    expect(problems).toEqual([]);
    const elsewhere = resolved(frontendOf(VIP, [own, other], asked), {
      ...outside,
      links: surroundingsFor('node2').links,
    });
    expect(elsewhere.frontend).toMatchObject({
      backends: [own, other],
      masquerade: true,
      direct: { self: undefined },
    });
    expect(elsewhere.frontend?.direct?.hops).toMatchObject([{ weight: 1 }, { weight: 1 }]);
  });
});

it('tells Services that ask a plane for what it does not have', () => {
  const model = modelOf(frontendOf(VIP, [here], { forwarding: 'dsr' }));
  const { frontends, problems } = withoutDirectReturn(model, 'userspace');
  expect([...frontends.values()]).toMatchObject([{ forwarding: 'nat' }]);
  expect(problems.get('default/echo')).toMatchObject([{ message: expect.stringContaining('userspace') }]);
});

it('reaches by NAT what asks nftables for a way that only IPVS has', () => {
  const tunnel = frontendOf(VIP, [here], { forwarding: 'tunnel' });
  expect(resolved(tunnel)).toMatchObject({
    frontend: { forwarding: 'nat' },
    problems: [{ reason: 'ForwardingUnavailable', message: expect.stringContaining('tunnel') }],
  });
});
