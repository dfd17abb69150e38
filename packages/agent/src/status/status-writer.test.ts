// SPDX-License-Identifier: Apache-2.0
import { ApiError, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../testing/agents.ts';
import { StatusWriter } from './status-writer.ts';

const ADDRESSES = ['172.18.0.200'];

function service(resourceVersion: string, parts: Partial<Service> = {}): Service {
  return {
    metadata: { name: 'echo', namespace: 'default', uid: 'u1', resourceVersion },
    spec: { type: 'LoadBalancer', loadBalancerIP: '172.18.0.200', ports: [{ port: 80, protocol: 'TCP' }] },
    ...parts,
  } as Service;
}

/** A server with one Service, as far as the writer uses it. */
class OneService {
  current = service('1');
  readonly writes: string[] = [];
  refusal: ApiError | undefined;
  onRead = (): void => {};
  /** What becomes of `ipMode`: older servers do not know it. */
  knowsIpMode = true;

  client(): KubeClient {
    const replace = (_resource: unknown, object: Service, options?: { readonly subresource?: string }) => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      if (object.metadata?.resourceVersion !== this.current.metadata?.resourceVersion) {
        return Promise.reject(new ApiError(409, 'Conflict', 'old'));
      }
      this.writes.push(options?.subresource ?? 'object');
      const resourceVersion = String(Number(this.current.metadata?.resourceVersion) + 1);
      this.current = { ...object, metadata: { ...object.metadata, resourceVersion } };
      const ingress = object.status?.loadBalancer?.ingress;
      if (!this.knowsIpMode && ingress !== undefined) {
        const kept = ingress.map(({ ipMode: _dropped, ...rest }) => rest);
        this.current = { ...this.current, status: { loadBalancer: { ingress: kept } } };
      }
      return Promise.resolve(this.current);
    };
    const get = () => {
      this.onRead();
      return Promise.resolve(this.current);
    };
    return { replace, get } as unknown as KubeClient;
  }
}

describe('StatusWriter', () => {
  let server: OneService;
  let writer: StatusWriter;
  let end: AbortController;
  let ended: Promise<void>;

  beforeEach(() => {
    server = new OneService();
    end = new AbortController();
    writer = new StatusWriter({
      client: server.client(),
      node: 'n1',
      clock: systemClock,
      logger: silentLogger,
    });
    ended = writer.run(end.signal);
  });
  afterEach(async () => {
    end.abort();
    await ended;
  });

  const want = (seen: Service) =>
    writer.want(new Map([['default/echo', { service: seen, addresses: ADDRESSES }]]));
  const isWritten = () => server.current.metadata?.annotations?.['kube-vip.io/vipHost'] === 'n1';

  it('writes the status, then the annotation, once', async () => {
    want(server.current);
    await eventually('written', isWritten);
    expect(server.writes).toEqual(['status', 'object']);
    expect(server.current.status?.loadBalancer?.ingress).toEqual([
      { ip: '172.18.0.200', ports: [{ port: 80, protocol: 'TCP' }] },
    ]);
    want(server.current);
    await new Promise(setImmediate);
    expect(server.writes).toHaveLength(2);
  });

  describe('for a data plane whose connections end on this node', () => {
    const wantProxied = async () => {
      const proxied = new StatusWriter({
        client: server.client(),
        node: 'n1',
        isProxy: true,
        clock: systemClock,
        logger: silentLogger,
      });
      const running = proxied.run(end.signal);
      const wanted = () => new Map([['default/echo', { service: server.current, addresses: ADDRESSES }]]);
      proxied.want(wanted());
      await eventually('written', isWritten);
      proxied.want(wanted());
      end.abort();
      await running;
    };

    it('says so', async () => {
      await wantProxied();
      expect(server.current.status?.loadBalancer?.ingress?.[0]?.ipMode).toBe('Proxy');
      expect(server.writes).toEqual(['status', 'object']);
    });

    it('says so once to an API server that does not keep it', async () => {
      server.knowsIpMode = false;
      await wantProxied();
      expect(server.writes).toEqual(['status', 'object']);
    });
  });

  it('reads again when its copy is old, and keeps what others wrote', async () => {
    const old = server.current;
    server.current = service('7', {
      metadata: { ...old.metadata, resourceVersion: '7', labels: { a: 'b' } },
    });
    want(old);
    await eventually('written', isWritten);
    expect(server.current.metadata?.labels).toEqual({ a: 'b' });
  });

  it('does not write to a Service that took the name of the one it knew', async () => {
    const old = server.current;
    server.current = service('7', { metadata: { ...old.metadata, uid: 'u2', resourceVersion: '7' } });
    want(old);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(server.writes).toEqual([]);
  });

  it.each([
    ['names another address by now', { spec: { type: 'LoadBalancer', loadBalancerIP: '172.18.0.201' } }],
    [
      'is refused the address by now',
      {
        status: {
          conditions: [
            {
              type: 'fairlead.io/AddressAllocated',
              status: 'False',
              reason: 'AddressConflict',
              message: 'spec.loadBalancerIP=172.18.0.200: 172.18.0.200 belongs to Service default/other',
            },
          ],
        },
      },
    ],
  ])('does not write to a Service that %s', async (_what, change) => {
    const old = server.current;
    const read = new Promise<void>((resolve) => {
      server.onRead = resolve;
    });
    server.current = service('7', change as Partial<Service>);
    want(old);
    await read;
    await new Promise(setImmediate);
    expect(server.writes).toEqual([]);
  });

  it('stops trying where RBAC forbids it', async () => {
    server.refusal = new ApiError(403, 'Forbidden', 'no');
    want(server.current);
    await new Promise((resolve) => setTimeout(resolve, 30));
    server.refusal = undefined;
    want(server.current);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(server.writes).toEqual([]);
  });
});
