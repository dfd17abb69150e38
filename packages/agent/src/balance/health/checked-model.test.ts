// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { targetId, targetsOf, tellUnprobed, withoutDead } from './checked-model.ts';
import { DEFAULT_TIMING, type HealthCheck } from './health-check.ts';

const CHECK: HealthCheck = { probe: { kind: 'tcp' }, port: undefined, ...DEFAULT_TIMING };
const BACKENDS = ['10.1.0.1', '10.1.0.2', '10.1.0.3'].map((address) => backendOf(address, 8080));

function checked(address: string, parts: Partial<Frontend> = {}): Frontend {
  return frontendOf(address, BACKENDS, { healthCheck: CHECK, ...parts });
}

function ids(frontend: Frontend): readonly string[] {
  return frontend.backends.map((backend) => targetId(frontend, backend));
}

describe('targetsOf', () => {
  const targets = (frontends: readonly Frontend[], held: readonly string[] = []) => [
    ...targetsOf(frontends, { name: 'here', isHeld: (address) => held.includes(address) }).values(),
  ];

  it('has each back end of a Service once, however many addresses the Service has', () => {
    const found = targets([checked('172.18.0.200'), checked('172.18.0.201')]);
    expect(found.map(({ address, port }) => [address, port])).toEqual([
      ['10.1.0.1', 8080],
      ['10.1.0.2', 8080],
      ['10.1.0.3', 8080],
    ]);
  });

  it('has nothing where nobody asked', () => {
    expect(targets([frontendOf('172.18.0.200', BACKENDS)])).toEqual([]);
  });

  it('probes at full pace what this node holds, whichever address that is', () => {
    const both = [checked('172.18.0.200'), checked('172.18.0.201')];
    for (const held of ['172.18.0.200', '172.18.0.201']) {
      expect(new Set(targets(both, [held]).map(({ pace }) => pace))).toEqual(new Set(['full']));
    }
    expect(new Set(targets(both).map(({ pace }) => pace))).toEqual(new Set(['sparing']));
  });

  it('probes its own back ends at full pace where another node sends connections here', () => {
    const backends = [
      backendOf('10.1.0.1', 80, { node: 'here' }),
      backendOf('10.2.0.1', 80, { node: 'there' }),
    ];
    const paces = (forwarding: Frontend['forwarding']) =>
      targets([checked('172.18.0.200', { backends, forwarding })]).map(({ pace }) => pace);
    expect(paces('dsr')).toEqual(['full', 'sparing']);
    expect(paces('nat')).toEqual(['sparing', 'sparing']);
  });

  it('never probes what only this node itself can reach, and tells', () => {
    const addresses = ['10.1.0.1', '127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0'];
    const backends = addresses.map((address) => backendOf(address, 80));
    const four = checked('172.18.0.200', { backends });
    const six = checked('fd00::c8', {
      backends: ['::1', 'fe80::1', 'fd00::1'].map((each) => backendOf(each)),
    });
    expect(targets([four, six], [four.address]).map(({ address }) => address)).toEqual([
      '10.1.0.1',
      'fd00::1',
    ]);
    const model = modelOf(four, six);
    const [problem, ...others] = tellUnprobed(model).problems.get(four.service) ?? [];
    expect(others).toEqual([]);
    expect(problem?.reason).toBe('HealthCheckInvalid');
    expect(problem?.message).toContain('0.0.0.0, 127.0.0.1, 169.254.169.254, 224.0.0.1, ::1 and 1 more');
    const plain = modelOf(frontendOf('172.18.0.200', backends));
    expect(tellUnprobed(plain)).toBe(plain);
  });

  it('probes another port when it is told to, and UDP only then', () => {
    const udp = checked('172.18.0.200', { protocol: 'udp' });
    expect(targets([udp])).toEqual([]);
    const [first] = targets([{ ...udp, healthCheck: { ...CHECK, port: 9090 } }]);
    expect(first).toMatchObject({ address: '10.1.0.1', port: 9090 });
  });
});

describe('withoutDead', () => {
  it('leaves out the dead', () => {
    const frontend = checked('172.18.0.200');
    const [dead = ''] = ids(frontend);
    const { frontends, problems } = withoutDead(modelOf(frontend), new Set([dead]));
    expect(frontends.get(frontend.id)?.backends).toEqual(BACKENDS.slice(1));
    expect(problems.get(frontend.service)).toEqual([
      {
        reason: 'EndpointsDead',
        message: 'the health check fails on 10.1.0.1:8080; new connections go to the others',
      },
    ]);
  });

  it('keeps them when all are dead, and says so', () => {
    const frontend = checked('172.18.0.200');
    const { frontends, problems } = withoutDead(modelOf(frontend), new Set(ids(frontend)));
    expect(frontends.get(frontend.id)).toBe(frontend);
    expect(problems.get(frontend.service)?.[0]?.message).toContain('all that serve 80/tcp');
  });

  it('keeps them when those that live have no weight', () => {
    const [first = backendOf('10.1.0.1'), second = backendOf('10.1.0.2')] = BACKENDS;
    const frontend = checked('172.18.0.200', { backends: [first, { ...second, weight: 0 }] });
    const [dead = ''] = ids(frontend);
    expect(withoutDead(modelOf(frontend), new Set([dead])).frontends.get(frontend.id)).toBe(frontend);
  });

  it('is the same model when those who are dead are not in it', () => {
    const model = modelOf(checked('172.18.0.200'));
    expect(withoutDead(model, new Set(['default/other tcp/80/10.1.0.1']))).toBe(model);
  });

  it('changes nothing of frontends whose back ends live, nor of those without a check', () => {
    const dead = checked('172.18.0.200', { service: 'default/a' });
    const other = checked('172.18.0.201', { service: 'default/b' });
    const unchecked = frontendOf('172.18.0.202', BACKENDS, { service: 'default/a' });
    const before = modelOf(dead, other, unchecked);
    const after = withoutDead(before, new Set(ids(dead).slice(1)));
    expect(after.frontends.get(dead.id)?.backends).toEqual(BACKENDS.slice(0, 1));
    expect(after.frontends.get(other.id)).toBe(other);
    expect(after.frontends.get(unchecked.id)).toBe(unchecked);
    expect([...after.frontends.keys()]).toEqual([...before.frontends.keys()]);
  });

  it('never leaves a frontend without back ends, and never one of the dead beside a living one', () => {
    fc.assert(
      fc.property(fc.subarray(BACKENDS, { minLength: 1 }), fc.subarray(BACKENDS), (backends, dying) => {
        const frontend = checked('172.18.0.200', { backends });
        const down = new Set(dying.map((backend) => targetId(frontend, backend)));
        const left = withoutDead(modelOf(frontend), down).frontends.get(frontend.id)?.backends ?? [];
        const living = backends.filter((backend) => !dying.includes(backend));
        expect(left).toEqual(living.length > 0 ? living : backends);
      }),
    );
  });
});
