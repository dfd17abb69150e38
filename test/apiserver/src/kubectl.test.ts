// SPDX-License-Identifier: Apache-2.0
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServerHandle, createApiServer } from './server.ts';
import { createTestClient } from './testing/client.ts';

const assets = process.env.KUBEBUILDER_ASSETS ?? '';
/** kubectl programs to try: the one on the PATH, that of the assets, and others in FAIRLEAD_KUBECTL (colon separated). */
const CANDIDATES = [
  'kubectl',
  ...(assets === '' ? [] : [join(assets, 'kubectl')]),
  ...(process.env.FAIRLEAD_KUBECTL ?? '').split(':').filter((name) => name !== ''),
];
const PROGRAMS = CANDIDATES.filter(
  (name) => spawnSync(name, ['version', '--client'], { stdio: 'ignore' }).status === 0,
);

if (PROGRAMS.length === 0)
  console.warn('SKIPPED: no kubectl on the PATH, so nothing is tried with the real client');

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, labels: {app: echo}}
spec:
  replicas: 3
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
      - {name: echo, image: "echo:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
      - {name: side, image: "side:1"}
`;

describe.skipIf(PROGRAMS.length === 0).each(PROGRAMS)('%s', (program) => {
  let server: ApiServerHandle;
  let directory = '';
  let environment: NodeJS.ProcessEnv = {};

  beforeAll(async () => {
    server = await createApiServer();
    directory = await mkdtemp(join(tmpdir(), 'fairlead-kubectl-'));
    const kubeconfig = join(directory, 'kubeconfig');
    await writeFile(kubeconfig, server.kubeconfig());
    // A home of its own, so that no discovery cache of another server is believed.
    environment = { ...process.env, KUBECONFIG: kubeconfig, HOME: directory };
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  function run(args: readonly string[], input = ''): Promise<{ code: number; out: string; err: string }> {
    return new Promise((resolve) => {
      const child = execFile(program, args, { env: environment }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err });
      });
      child.stdin?.end(input);
    });
  }

  /** Runs a command that must succeed; its output without the ends of lines. */
  async function ok(command: string, input = ''): Promise<string> {
    const result = await run(command.split(' '), input);
    if (result.code !== 0) throw new Error(`${program} ${command}: ${result.err}`);
    return result.out.trim();
  }

  it('creates objects of all kinds it has commands for', async () => {
    expect(await ok('create namespace other')).toBe('namespace/other created');
    expect(
      await ok(
        'create configmap kubevip -n kube-system --from-literal range-global=172.18.0.200-172.18.0.220',
      ),
    ).toBe('configmap/kubevip created');
    expect(await ok('create secret generic s --from-literal=a=b')).toBe('secret/s created');
    expect(await ok('create serviceaccount robot')).toBe('serviceaccount/robot created');
    expect(await ok('create clusterrole reader --verb=get,list --resource=pods,deployments.apps')).toBe(
      'clusterrole.rbac.authorization.k8s.io/reader created',
    );
    expect(
      await ok('create clusterrolebinding reader --clusterrole=reader --serviceaccount=default:robot'),
    ).toBe('clusterrolebinding.rbac.authorization.k8s.io/reader created');
    expect(await ok('create deployment made --image=nginx')).toBe('deployment.apps/made created');
    expect(await ok('create service loadbalancer made --tcp=80:8080')).toBe('service/made created');
    expect(await ok('run single --image=nginx')).toBe('pod/single created');
    expect(await ok('get cm kubevip -n kube-system -o jsonpath={.data.range-global}')).toBe(
      '172.18.0.200-172.18.0.220',
    );
    expect(await ok('get deploy made -o jsonpath={.spec.template.spec.containers[0].image}')).toBe('nginx');
    expect(await ok('get svc made -o jsonpath={.spec.ports[0].targetPort}')).toBe('8080');
    expect(await ok('auth can-i list pods --as system:serviceaccount:default:robot')).toBe('yes');
    expect(
      (await run('auth can-i list secrets --as system:serviceaccount:default:robot'.split(' '))).out,
    ).toBe('no\n');
  });

  it('applies, changes and applies again', async () => {
    expect(await ok('apply -f -', DEPLOYMENT)).toBe('deployment.apps/echo created');
    expect(await ok('apply -f -', DEPLOYMENT)).toBe('deployment.apps/echo unchanged');
    const changed = DEPLOYMENT.replace('echo:1', 'echo:2').replace('value: "1"', 'value: "2"');
    expect(await ok('apply --dry-run=server -f -', changed)).toBe(
      'deployment.apps/echo configured (server dry run)',
    );
    expect(await ok('apply -f -', changed)).toBe('deployment.apps/echo configured');
    expect(await ok('scale deploy echo --replicas=5')).toBe('deployment.apps/echo scaled');
    expect(await ok('annotate deploy echo note=x')).toContain('deployment.apps/echo annotated');
    expect(await ok('label deploy echo tier=back')).toContain('deployment.apps/echo labeled');
    const container = { spec: { template: { spec: { containers: [{ name: 'side', image: 'side:9' }] } } } };
    const strategic = await run(['patch', 'deploy', 'echo', '-p', JSON.stringify(container)]);
    expect(strategic.out.trim()).toBe('deployment.apps/echo patched');
    const operation = [{ op: 'replace', path: '/spec/replicas', value: 2 }];
    expect(
      (await run(['patch', 'deploy', 'echo', '--type=json', '-p', JSON.stringify(operation)])).code,
    ).toBe(0);
    expect(await ok('set image deploy/echo echo=echo:3')).toBe('deployment.apps/echo image updated');
    environment = { ...environment, KUBE_EDITOR: 'sed -i s/side:9/side:10/' };
    expect(await ok('edit deploy echo')).toBe('deployment.apps/echo edited');
    expect(
      await ok('get deploy echo -o jsonpath={.spec.replicas},{.spec.template.spec.containers[*].image}'),
    ).toBe('2,echo:3 side:10');
    const conflict = await run(['apply', '--server-side', '-f', '-'], changed);
    expect(conflict.code).not.toBe(0);
    expect(conflict.err).toContain('conflict');
    expect(await ok('apply --server-side --force-conflicts -f -', changed)).toBe(
      'deployment.apps/echo serverside-applied',
    );
    expect(await ok('rollout restart deploy echo')).toBe('deployment.apps/echo restarted');
    expect(await ok('describe deploy echo')).toContain('Replicas:               3 desired');
  });

  it('refuses misspelt fields without being asked to', async () => {
    const wrong =
      'apiVersion: v1\nkind: Service\nmetadata: {name: wrong}\nspec: {ports: [{port: 80}], typ: LoadBalancer}\n';
    const result = await run(['create', '-f', '-'], wrong);
    expect(result.code).not.toBe(0);
    expect(result.err).toMatch(/unknown field "(spec\.)?typ"/);
    expect(await ok('explain service.spec.loadBalancerIP')).toContain('loadBalancerIP');
  });

  it('exposes a Service and watches it get its address', async () => {
    await ok('create deployment web --image=nginx');
    const watch = spawn(program, ['get', 'svc', '-w'], { env: environment });
    let seen = '';
    watch.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(seen)) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await until(/kubernetes +ClusterIP/);
    expect(await ok('expose deployment web --port=80 --type=LoadBalancer')).toBe('service/web exposed');
    await until(/web +LoadBalancer +10\.96\.\d+\.\d+ +<pending> +80:3\d{4}\/TCP/);
    const status = { status: { loadBalancer: { ingress: [{ ip: '172.18.0.200' }] } } };
    await patchStatus('/api/v1/namespaces/default/services/web/status', status);
    await until(/web +LoadBalancer +10\.96\.\d+\.\d+ +172\.18\.0\.200 +80:3\d{4}\/TCP/);
    watch.kill();
    expect(await ok('get svc web -o wide')).toMatch(/SELECTOR\nweb .* 172\.18\.0\.200 .* app=web$/);
    expect(await ok('describe svc web')).toMatch(/LoadBalancer Ingress: +172\.18\.0\.200/);
    expect(await ok('get svc -l app=web -o name')).toBe('service/web');
    expect(await ok('get svc --field-selector metadata.name=web -o name')).toBe('service/web');
  });

  async function patchStatus(path: string, body: unknown): Promise<void> {
    const client = createTestClient(server);
    const answer = await client.patch(path, 'merge-patch+json', body);
    client.close();
    expect(answer.code).toBe(200);
  }

  it('waits for conditions, follows roll-outs and deletes', async () => {
    await ok('create deployment ready --image=nginx --replicas=1');
    const waiting = ok('rollout status deploy/ready --timeout=15s');
    const condition = { type: 'Available', status: 'True', lastUpdateTime: null, lastTransitionTime: null };
    const status = {
      observedGeneration: 1,
      replicas: 1,
      updatedReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
    };
    await patchStatus('/apis/apps/v1/namespaces/default/deployments/ready/status', {
      status: { ...status, conditions: [condition] },
    });
    expect(await waiting).toContain('successfully rolled out');
    expect(await ok('wait --for=condition=Available deploy/ready --timeout=5s')).toContain('condition met');
    expect(await ok('get deploy ready')).toMatch(/ready +1\/1 +1 +1/);
    expect(await ok('delete deploy ready')).toContain('deleted');
    expect((await run(['get', 'deploy', 'ready'])).err).toContain('deployments.apps "ready" not found');
    expect(await ok('delete svc -l app=web')).toContain('"web"');
    expect(await ok('get all')).toContain('service/kubernetes');
    expect(await ok('api-resources --api-group=apps -o name')).toBe(
      'daemonsets.apps\ndeployments.apps\nreplicasets.apps',
    );
  });
});
