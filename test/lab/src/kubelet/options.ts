// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Everything the kubelet stand-in is told on its command line. */
export interface KubeletOptions {
  /** Name of the Node object. */
  readonly node: string;
  readonly kubeconfig: string;
  /** Name (under /run/netns) of the node's network namespace, in which this process already runs. */
  readonly netns: string;
  /** Pod address ranges of this node, at most one per family. */
  readonly podCidrs: readonly string[];
  /** Addresses of the node, at most one per family; the first is the primary one. */
  readonly nodeIps: readonly string[];
  readonly controlPlane: boolean;
  /** Private folder of this kubelet: pod folders, logs, and the record of running pods for its successor. */
  readonly workDir: string;
  /** JSON file: image repository -> how to run it (see images.ts). Read again at each pod start. */
  readonly images: string;
  /** `host:port` that containers see as KUBERNETES_SERVICE_HOST / KUBERNETES_SERVICE_PORT. */
  readonly apiServer: string;
  readonly manifestDir?: string;
  readonly leaseRenewIntervalMs: number;
  readonly leaseDurationMs: number;
  /** How often the whole Node status is written when nothing changed. */
  readonly statusIntervalMs: number;
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
  readonly kubeletVersion: string;
  /** Ends all pods of the node when this process gets SIGTERM; a real kubelet leaves them running. */
  readonly stopPodsOnExit: boolean;
  readonly logLevel: string;
}

/** Usage text of the command line. */
export const KUBELET_USAGE = `kubelet stand-in of the lab: one per node, inside the node's network namespace

  --node NAME              name of the Node
  --kubeconfig FILE
  --netns NAME             the node's network namespace (this process already runs in it)
  --pod-cidr CIDR          once per family
  --node-ip ADDRESS        once per family
  --work-dir FOLDER        pods, logs, record of running pods
  --images FILE            JSON: image repository -> argv, or {"entrypoint", "cmd", "env", "binaries"}
  --api-server HOST:PORT   what containers see as KUBERNETES_SERVICE_HOST and _PORT
  [--control-plane]        role label and NoSchedule taint
  [--manifest-dir FOLDER]  static pods
  [--lease-renew-interval-ms 10000] [--lease-duration-ms 40000] [--status-interval-ms 10000]
  [--restart-backoff-ms 250] [--restart-backoff-max-ms 10000]
  [--kubelet-version v1.36.0] [--stop-pods-on-exit] [--log-level info]`;

/** Parses the command line; the error names every missing or malformed option at once. */
export function parseKubeletOptions(args: readonly string[]): KubeletOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      node: { type: 'string' },
      kubeconfig: { type: 'string' },
      netns: { type: 'string' },
      'pod-cidr': { type: 'string', multiple: true, default: [] },
      'node-ip': { type: 'string', multiple: true, default: [] },
      'control-plane': { type: 'boolean', default: false },
      'work-dir': { type: 'string' },
      images: { type: 'string' },
      'api-server': { type: 'string' },
      'manifest-dir': { type: 'string' },
      'lease-renew-interval-ms': { type: 'string', default: '10000' },
      'lease-duration-ms': { type: 'string', default: '40000' },
      'status-interval-ms': { type: 'string', default: '10000' },
      'restart-backoff-ms': { type: 'string', default: '250' },
      'restart-backoff-max-ms': { type: 'string', default: '10000' },
      'kubelet-version': { type: 'string', default: 'v1.36.0' },
      'stop-pods-on-exit': { type: 'boolean', default: false },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  const problems: string[] = [];
  const required = (name: keyof typeof values): string => {
    const value = values[name];
    if (typeof value === 'string' && value !== '') return value;
    problems.push(`--${name} is missing`);
    return '';
  };
  const milliseconds = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    problems.push(`--${name} is "${values[name]}", expected a whole number of milliseconds above 0`);
    return 1;
  };
  const options: KubeletOptions = {
    node: required('node'),
    kubeconfig: required('kubeconfig'),
    netns: required('netns'),
    podCidrs: values['pod-cidr'],
    nodeIps: values['node-ip'],
    controlPlane: values['control-plane'],
    workDir: required('work-dir'),
    images: required('images'),
    apiServer: required('api-server'),
    ...(values['manifest-dir'] === undefined ? {} : { manifestDir: values['manifest-dir'] }),
    leaseRenewIntervalMs: milliseconds('lease-renew-interval-ms'),
    leaseDurationMs: milliseconds('lease-duration-ms'),
    statusIntervalMs: milliseconds('status-interval-ms'),
    restartBackoffMs: milliseconds('restart-backoff-ms'),
    restartBackoffMaxMs: milliseconds('restart-backoff-max-ms'),
    kubeletVersion: values['kubelet-version'],
    stopPodsOnExit: values['stop-pods-on-exit'],
    logLevel: values['log-level'],
  };
  if (options.podCidrs.length === 0) problems.push('--pod-cidr is missing');
  if (options.nodeIps.length === 0) problems.push('--node-ip is missing');
  if (problems.length > 0) throw new Error(`${problems.join('; ')}\n\n${KUBELET_USAGE}`);
  return options;
}
