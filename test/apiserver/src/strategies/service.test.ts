// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ServiceAllocator } from '../allocation/service-allocator.ts';
import type { ApiObject, JsonObject } from '../api/objects.ts';
import { asService, type Service } from '../api/service.ts';
import { StatusError } from '../api/status.ts';
import { createServiceStrategy } from './service.ts';

const CONTEXT = { subresource: '', dryRun: false, now: () => new Date(0) };
const STRATEGY = createServiceStrategy(['IPv4', 'IPv6']);

function allocator(): ServiceAllocator {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return new ServiceAllocator({
    serviceCidrs: ['10.96.0.0/24', 'fd00:10:96::/112'],
    nodePorts: [30_000, 30_099],
    random,
  });
}

const spec = fc
  .record(
    {
      type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
      externalName: fc.constant('a.b'),
      externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
      ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
      allocateLoadBalancerNodePorts: fc.boolean(),
      loadBalancerClass: fc.constant('a.b/c'),
      clusterIP: fc.constantFrom('None', '10.96.0.9'),
      externalIPs: fc.constant(['198.51.100.1']),
      selector: fc.constant({ a: 'b' }),
    },
    { requiredKeys: ['externalName'] },
  )
  .map(
    (value): JsonObject => ({
      ...value,
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81 },
      ],
    }),
  );

/** Creates or changes as the server does; `undefined` when it is refused. */
function write(pool: ServiceAllocator, body: ApiObject, previous: Service | undefined): Service | undefined {
  try {
    const sent = STRATEGY.setDefaults(body);
    const prepared =
      previous === undefined
        ? STRATEGY.prepareCreate(sent, CONTEXT)
        : STRATEGY.prepareUpdate(sent, previous, CONTEXT);
    const allocation = pool.allocate(prepared, previous);
    const causes =
      previous === undefined
        ? STRATEGY.validateCreate(allocation.object)
        : STRATEGY.validateUpdate(allocation.object, previous, CONTEXT);
    if (causes.length > 0) {
      allocation.undo();
      return undefined;
    }
    allocation.commit();
    return asService(allocation.object);
  } catch (error) {
    if (error instanceof StatusError) return undefined;
    throw error;
  }
}

const object = (body: JsonObject): ApiObject => ({ metadata: { name: 'web' }, spec: body });

describe('Services', () => {
  test('what was accepted can be written again unchanged', () => {
    fc.assert(
      fc.property(spec, (body) => {
        const pool = allocator();
        const created = write(pool, object(body), undefined);
        if (created !== undefined) expect(write(pool, created, created)).toEqual(created);
      }),
    );
  });

  test('a change of mind and back leaks no address and no port', () => {
    fc.assert(
      fc.property(spec, fc.array(spec, { maxLength: 4 }), (first, changes) => {
        const pool = allocator();
        let live = write(pool, object(first), undefined);
        for (const change of changes) {
          if (live === undefined) break;
          const { clusterIP, clusterIPs } = live.spec;
          live = write(pool, object({ clusterIP, clusterIPs, ...change } as JsonObject), live) ?? live;
        }
        if (live !== undefined) pool.release(live);
        // All 254 addresses and 100 ports are free again: another 50 load balancers with two ports each fit.
        for (let index = 0; index < 50; index += 1) {
          const next = write(
            pool,
            object({
              type: 'LoadBalancer',
              ports: [
                { name: 'a', port: 1 },
                { name: 'b', port: 2 },
              ],
            }),
            undefined,
          );
          expect(next).toBeDefined();
        }
      }),
      { numRuns: 50 },
    );
  });

  test('load balancers run out of node ports, unless they want none', () => {
    const pool = allocator();
    const balancer = (more: JsonObject = {}): ApiObject =>
      object({ type: 'LoadBalancer', ports: [{ port: 80 }], ...more });
    for (let index = 0; index < 100; index += 1) expect(write(pool, balancer(), undefined)).toBeDefined();
    expect(() =>
      pool.allocate(STRATEGY.prepareCreate(STRATEGY.setDefaults(balancer()), CONTEXT), undefined),
    ).toThrow('failed to allocate a nodePort: range is full');
    expect(write(pool, balancer({ allocateLoadBalancerNodePorts: false }), undefined)).toBeDefined();
  });

  test('a stored Service holds what it has after a restart', () => {
    const stored = write(
      allocator(),
      object({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }] }),
      undefined,
    );
    if (stored === undefined) throw new Error('the Service was refused');
    const fresh = allocator();
    fresh.hold(stored);
    const ask = (body: JsonObject) => write(fresh, object({ ports: [{ port: 80 }], ...body }), undefined);
    expect(ask({ clusterIP: stored.spec.clusterIP ?? '' })).toBeUndefined();
    expect(
      ask({ type: 'NodePort', ports: [{ port: 80, nodePort: stored.spec.healthCheckNodePort ?? 0 }] }),
    ).toBeUndefined();
  });
});
