// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mountScript } from './mounts.ts';
import { PodAddressPool } from './pod-addresses.ts';
import { nodeSideBatch, planPodNetwork, podSideBatch } from './pod-network.ts';

const CIDRS = ['10.244.1.0/24', 'fd00:10:244:1::/64'];

describe('pod addresses', () => {
  it('have the same number in both families', () => {
    expect(new PodAddressPool(CIDRS).take()).toEqual({
      number: 2,
      addresses: [
        { family: 4, address: '10.244.1.2', gateway: '10.244.1.1' },
        { family: 6, address: 'fd00:10:244:1::2', gateway: 'fd00:10:244:1::1' },
      ],
    });
  });

  it('are never held twice, and come back only after a full round', () => {
    const pool = new PodAddressPool(CIDRS);
    const held = new Set<number>();
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (takes) => {
        for (const take of takes) {
          const [first] = held;
          if (take || first === undefined) {
            const { number } = pool.take();
            expect(held.has(number)).toBe(false);
            held.add(number);
          } else {
            held.delete(first);
            pool.release(first);
          }
          if (held.size > 200) for (const number of held) pool.release(number);
          if (held.size > 200) held.clear();
        }
      }),
    );
    const fresh = new PodAddressPool(CIDRS);
    const { number } = fresh.take();
    fresh.release(number);
    expect(fresh.take().number).not.toBe(number);
  });

  it('run out with a clear message', () => {
    const pool = new PodAddressPool(CIDRS);
    for (let count = 0; count < 253; count += 1) pool.take();
    expect(() => pool.take()).toThrow('all 253 pod addresses of this node are taken');
  });
});

describe('network of a pod', () => {
  const { addresses } = new PodAddressPool(CIDRS).take();
  const plan = planPodNetwork('worker1', 'echo-1', '0123abcd-4567-89ab-cdef-000000000000', addresses);

  it('has names by which its node is found and that fit the kernel', () => {
    expect(plan.netns).toBe('worker1-echo-1-0123abcd');
    expect(plan.hostLink.length).toBeLessThanOrEqual(15);
  });

  it('is a pair of links with a route each way', () => {
    expect(nodeSideBatch(plan).split('\n')).toEqual([
      'link add pod0123abcd4567 type veth peer name eth0 netns worker1-echo-1-0123abcd',
      'addr add 10.244.1.1/32 dev pod0123abcd4567',
      'addr add fd00:10:244:1::1/128 dev pod0123abcd4567 nodad',
      'link set pod0123abcd4567 up',
      'route replace 10.244.1.2/32 dev pod0123abcd4567',
      'route replace fd00:10:244:1::2/128 dev pod0123abcd4567',
      '',
    ]);
    expect(podSideBatch(plan)).toContain('route add ::/0 via fd00:10:244:1::1 dev eth0');
  });
});

describe('mounts', () => {
  const facts = {
    deepestExisting: (path: string) =>
      ['/etc', '/run', '/srv'].find((known) => path.startsWith(known)) ?? '/',
    scratch: ['/run'],
  };
  const mount = (target: string) => ({ source: '/w/v', target, readOnly: false, isFile: false });

  it('make missing points in scratch folders and cover folders of the machine', () => {
    const script = mountScript([mount('/run/secrets/x'), mount('/etc/app/conf')], facts, '/w/covers');
    expect(script).toContain("mkdir -p '/run/secrets/x'");
    expect(script).not.toContain("mkdir -p '/etc/app/conf'");
    expect(script).toContain("mkdir -p '/w/covers/0/app/conf'");
    expect(script).toContain("mount --rbind '/w/covers/0' '/etc'");
    expect(script.at(-1)).toBe('exec "$@"');
  });

  it('change the root where a new top-level folder is needed', () => {
    const script = mountScript([mount('/data')], facts, '/w/covers');
    expect(script).toContain("mount --rbind '/w/v' '/w/covers/0/data'");
    expect(script.at(-1)).toBe('exec chroot \'/w/covers/0\' "$@"');
  });

  it('need nothing when the point is there', () => {
    expect(mountScript([mount('/etc')], facts, '/w')).toEqual(["mount --rbind '/w/v' '/etc'", 'exec "$@"']);
  });
});
