// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { startRealServer } from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import { createApiServer } from '@fairlead/test-apiserver/server.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { everything, hasComponents, manifest, run } from './forms.ts';
import { type Container, podsOf } from './objects.ts';

const ASSETS = process.env.KUBEBUILDER_ASSETS ?? '';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-deploy-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A namespace whose API server says what of Pods the strictest policy would refuse. */
const RESTRICTED: KubeObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'restricted', labels: { 'pod-security.kubernetes.io/warn': 'restricted' } },
};

/** What can run there: everything but agents and starboard. */
const NOT_ON_THE_HOST = [...manifest('cloud-provider.yaml'), ...manifest('group-key.yaml')]
  .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
  .map((object) => ({ ...object, metadata: { ...object.metadata, namespace: 'restricted' } }));

describe.each([
  { server: 'embedded', start: startEmbedded, isThere: true },
  { server: 'real', start: startReal, isThere: existsSync(join(ASSETS, 'kube-apiserver')) && ASSETS !== '' },
])('the $server API server', ({ start, isThere }) => {
  it.skipIf(!isThere)(
    'accepts every manifest, every component and the chart with a server-side dry run',
    { timeout: 180_000 },
    async () => {
      const server = await start();
      try {
        const kubeconfig = join(folder, 'kubeconfig');
        await writeFile(kubeconfig, server.kubeconfig);
        const admin = ['--kubeconfig', kubeconfig];
        // A cluster has it; a static Pod of kube-system is refused without it.
        await run('kubectl', ['create', 'serviceaccount', 'default', '-n', 'kube-system', ...admin]);
        const file = join(folder, 'objects.yaml');
        const apply = async (name: string, objects: readonly KubeObject[], ...flags: readonly string[]) => {
          await writeFile(file, objects.map((object) => stringify(object)).join('---\n'));
          const { stdout, stderr } = await run('kubectl', ['apply', ...flags, ...admin, '-f', file]);
          expect(stderr, name).toBe('');
          expect(stdout.trim().split('\n'), name).toHaveLength(objects.length);
        };
        await apply('namespace', [RESTRICTED]);
        const forms = new Map([...(await everything()), ['restricted', NOT_ON_THE_HOST] as const]);
        for (const [name, objects] of forms)
          await apply(name, objects, '--dry-run=server', '--validate=true');
      } finally {
        await server.close();
      }
    },
  );
});

interface Server {
  readonly kubeconfig: string;
  readonly close: () => Promise<void>;
}

async function startEmbedded(): Promise<Server> {
  const server = await createApiServer();
  return { kubeconfig: server.kubeconfig(), close: () => server.close() };
}

async function startReal(): Promise<Server> {
  // As clusters have it: kube-proxy and CNIs need it, too.
  const server = await startRealServer(ASSETS, ['--allow-privileged=true']);
  return { kubeconfig: server.kubeconfig(server.port), close: () => server.close() };
}

/** May this container of this form of the install listen on ports below 1024? */
function isLowPorts(form: string, { name }: Container): boolean {
  return name !== 'starboard' && /all on|low-ports|namespace-service/.test(form);
}

describe('what is installed', () => {
  const AGENT = ['NET_ADMIN', 'NET_RAW'];

  it('has no more rights over the node than it needs, however it is installed', async () => {
    const containers = [...(await everything())].flatMap(([name, objects]) =>
      podsOf(objects).flatMap((pod) => pod.containers.map((container) => ({ name, pod, container }))),
    );
    for (const { name, pod, container } of containers) {
      const own = { ...pod.securityContext, ...container.securityContext };
      const isAgent = pod.hostNetwork === true;
      expect(own, name).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        seccompProfile: { type: 'RuntimeDefault' },
        ...(isAgent ? {} : { runAsNonRoot: true }),
      });
      expect(own.privileged, name).toBeUndefined();
      const lowPorts = isLowPorts(name, container) ? ['NET_BIND_SERVICE'] : [];
      const add = isAgent ? { add: [...AGENT, ...lowPorts] } : {};
      expect(own.capabilities, name).toEqual({ drop: ['ALL'], ...add });
    }
  });

  it('has a privileged container only in a profile, and only one that ends', async () => {
    const privileged = new Map<string, readonly (readonly string[] | undefined)[]>();
    for (const [name, objects] of await everything()) {
      const found = podsOf(objects).flatMap(({ initContainers = [] }) => initContainers);
      if (found.length > 0) {
        privileged.set(
          name,
          found.map(({ args }) => args),
        );
      }
    }
    const prepare = (...features: string[]) => ['prepare', ...features, '--keep-going'];
    const expected: [string, string[][]][] = [['chart, all on', [prepare('nftables', 'ipvs', 'syn-proxy')]]];
    if (hasComponents) {
      for (const name of ['nftables', 'ipvs', 'syn-proxy'])
        expected.push([`kustomize ${name}`, [prepare(name)]]);
    }
    expect(Object.fromEntries(privileged)).toEqual(Object.fromEntries(expected));
  });

  it('never has a right to everything', async () => {
    for (const [name, objects] of await everything()) {
      expect(
        JSON.stringify(objects.map((object) => (object as { rules?: unknown }).rules)),
        name,
      ).not.toContain('"*"');
    }
  });
});
