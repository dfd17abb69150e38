// SPDX-License-Identifier: Apache-2.0
/** A cluster of one node for tests: API server and controllers in this process, one real kubelet beside it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { type ApiServerHandle, createApiServer } from '@fairlead/test-apiserver/server.ts';
import { startControllers } from '../../controllers/main.ts';
import { parseControllersOptions } from '../../controllers/options.ts';
import { LabProcess } from '../../process/lab-process.ts';
import { runOrThrow } from '../../process/run.ts';
import { waitFor } from '../../wait.ts';

const KUBELET = fileURLToPath(new URL('../main.ts', import.meta.url));
const ECHO = fileURLToPath(new URL('../../workloads/echo.ts', import.meta.url));
const NODE = 'kt-worker1';
const API_ADDRESS = '172.19.0.1';
const NODE_ADDRESS = '172.19.0.2';

/** A pod's spec in tests. */
export type PodSpec = NonNullable<Pod['spec']>;
/** One container of it. */
export type TestContainer = PodSpec['containers'][number];

/** The cluster; {@link OneNode.start} makes it. */
export class OneNode {
  readonly node = NODE;
  readonly folder: string;
  readonly client: KubeClient;
  readonly #server: ApiServerHandle;
  readonly #stop = new AbortController();
  #controllers: Promise<void> = Promise.resolve();
  #kubelet: LabProcess | undefined;

  private constructor(folder: string, server: ApiServerHandle, client: KubeClient) {
    this.folder = folder;
    this.#server = server;
    this.client = client;
  }

  /** Network, API server, controllers (short grace periods) and kubelet, all ready. */
  static async start(): Promise<OneNode> {
    await runOrThrow(['sh', '-ec', NETWORK]);
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-kubelet-'));
    const server = await createApiServer({
      host: '0.0.0.0',
      advertiseAddress: API_ADDRESS,
      hosts: ['127.0.0.1'],
      pkiDir: join(folder, 'pki'),
    });
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, server.kubeconfig());
    mkdirSync(join(folder, 'manifests'));
    const images = {
      'echo-app': [process.execPath, ECHO],
      shell: { entrypoint: ['sh', '-c'] },
    };
    writeFileSync(join(folder, 'images.json'), JSON.stringify(images));
    const cluster = new OneNode(folder, server, await connect({ kubeconfig }));
    const options = parseControllersOptions([
      ...['--kubeconfig', kubeconfig, '--root-ca', server.pki.caCertificateFile, '--log-level', 'warn'],
      ...['--node-monitor-grace-period-ms', '1500', '--pod-eviction-ms', '1000'],
    ]);
    const started = Promise.withResolvers<void>();
    cluster.#controllers = startControllers(options, cluster.#stop.signal, started.resolve);
    await Promise.all([started.promise, cluster.startKubelet()]);
    return cluster;
  }

  /** Starts the kubelet and waits until it is ready. */
  async startKubelet(): Promise<void> {
    const kubelet = new LabProcess([
      ...['nsenter', `--net=/run/netns/${NODE}`, process.execPath, KUBELET],
      ...['--node', NODE, '--netns', NODE, '--kubeconfig', join(this.folder, 'kubeconfig')],
      ...['--pod-cidr', '10.245.1.0/24', '--pod-cidr', 'fd00:10:245:1::/64', '--node-ip', NODE_ADDRESS],
      ...['--work-dir', join(this.folder, 'work'), '--images', join(this.folder, 'images.json')],
      ...['--api-server', `${API_ADDRESS}:${this.#server.port}`],
      ...['--manifest-dir', join(this.folder, 'manifests')],
      ...['--lease-renew-interval-ms', '400', '--status-interval-ms', '500', '--restart-backoff-ms', '100'],
    ]);
    this.#kubelet = kubelet;
    await waitFor(() => kubelet.stdout.some((line) => line.includes('"ready":true')), {
      what: 'the kubelet to be ready',
      details: () => [...kubelet.stdout, ...kubelet.stderr].join('\n'),
      intervalMs: 20,
    });
  }

  /** Ends the kubelet without a word, as a crash would. */
  async killKubelet(): Promise<void> {
    const kubelet = this.#kubelet;
    if (kubelet?.pid === undefined) throw new Error('no kubelet is running');
    process.kill(kubelet.pid, 'SIGKILL');
    await kubelet.exited;
  }

  /** What the kubelet has said. */
  get log(): string {
    return [...(this.#kubelet?.stdout ?? []), ...(this.#kubelet?.stderr ?? [])].slice(-30).join('\n');
  }

  /** Creates a pod in `default`, without a grace period worth mentioning unless told otherwise. */
  async createPod(
    name: string,
    container: Partial<TestContainer>,
    spec: Partial<PodSpec> = {},
  ): Promise<Pod> {
    return this.client.create(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 1,
        ...spec,
        containers: [{ name: 'main', image: 'echo-app', ...container }],
      },
    });
  }

  /** The pod as the API has it. */
  pod(name: string): Promise<Pod> {
    return this.client.get(PODS, { namespace: 'default', name });
  }

  /** Waits until the pod is as wished. */
  async podThat(name: string, what: string, wish: (pod: Pod) => boolean, timeoutMs = 10_000): Promise<Pod> {
    return waitFor(
      async () => {
        const pod = await this.pod(name);
        return wish(pod) ? pod : undefined;
      },
      { what: `pod ${name} ${what}`, timeoutMs, intervalMs: 10, details: () => this.log },
    );
  }

  /** Runs a command in the node's network namespace and returns what it prints. */
  async onNode(...argv: string[]): Promise<string> {
    const { stdout } = await runOrThrow(['nsenter', `--net=/run/netns/${NODE}`, ...argv]);
    return stdout;
  }

  /** Ends everything; all that was made is gone after this. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.killKubelet().catch(() => {});
    await this.#controllers;
    this.client.close();
    await this.#server.close();
    await runOrThrow(['sh', '-c', CLEAN]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const NETWORK = `
ip link set lo up
ip netns add ${NODE}
ip link add kt-api type veth peer name eth0 netns ${NODE}
ip addr add ${API_ADDRESS}/30 dev kt-api
ip link set kt-api up
ip -n ${NODE} link set lo up
ip -n ${NODE} addr add ${NODE_ADDRESS}/30 dev eth0
ip -n ${NODE} link set eth0 up
ip route add 10.245.1.0/24 via ${NODE_ADDRESS}
nsenter --net=/run/netns/${NODE} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
`;

const CLEAN = `
for namespace in /run/netns/${NODE}*; do
  name=$(basename "$namespace")
  for pid in $(ip netns pids "$name"); do kill -9 "$pid"; done
  ip netns del "$name"
done
ip link del kt-api 2>/dev/null
true
`;
