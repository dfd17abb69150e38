// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Names of all controllers, as `--disable` takes them. */
export const CONTROLLER_NAMES = [
  'deployment',
  'replicaset',
  'daemonset',
  'job',
  'endpointslice',
  'endpoints',
  'scheduler',
  'node-lifecycle',
  'taint-eviction',
  'garbage-collector',
  'namespace',
  'serviceaccount',
  'root-ca',
  'pod-gc',
] as const;

/** One of {@link CONTROLLER_NAMES}. */
export type ControllerName = (typeof CONTROLLER_NAMES)[number];

/** Everything the controllers process is told on its command line. */
export interface ControllersOptions {
  readonly kubeconfig: string;
  readonly disabled: ReadonlySet<ControllerName>;
  /** Silence of a node's Lease and status after which its Ready condition becomes Unknown. */
  readonly nodeMonitorGracePeriodMs: number;
  /** How often silent nodes are looked for. */
  readonly nodeMonitorPeriodMs: number;
  /** Default tolerationSeconds of pods for not-ready and unreachable nodes (admission adds 300 s in a real cluster). */
  readonly podEvictionMs: number;
  /** File with the certificate of the cluster's authority for ConfigMaps `kube-root-ca.crt`; none without it. */
  readonly rootCa?: string;
  readonly logLevel: string;
}

/** Usage text of the command line. */
export const CONTROLLERS_USAGE = `controllers of the lab's cluster (what kube-controller-manager and kube-scheduler do)

  --kubeconfig FILE
  [--disable NAME,NAME]                    of: ${CONTROLLER_NAMES.join(', ')}
  [--node-monitor-grace-period-ms 40000]   silence after which a node is Unknown
  [--node-monitor-period-ms 5000]          how often silence is looked for (at most a quarter of the grace period)
  [--pod-eviction-ms 300000]               toleration of lost nodes for pods that name none
  [--root-ca FILE]                         publish it as kube-root-ca.crt in every namespace
  [--log-level info]`;

/** Parses the command line; the error names every problem at once. */
export function parseControllersOptions(args: readonly string[]): ControllersOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kubeconfig: { type: 'string' },
      disable: { type: 'string', multiple: true, default: [] },
      'node-monitor-grace-period-ms': { type: 'string', default: '40000' },
      'node-monitor-period-ms': { type: 'string', default: '5000' },
      'pod-eviction-ms': { type: 'string', default: '300000' },
      'root-ca': { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  const problems: string[] = [];
  const milliseconds = (name: keyof typeof values, least: number): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least) return value;
    problems.push(
      `--${name} is "${values[name]}", expected a whole number of milliseconds, ${least} or more`,
    );
    return least;
  };
  const disabled = new Set<ControllerName>();
  for (const name of values.disable.flatMap((list) => list.split(',')).filter((part) => part !== '')) {
    const known = CONTROLLER_NAMES.find((candidate) => candidate === name);
    if (known === undefined) {
      problems.push(`--disable names "${name}", expected one of ${CONTROLLER_NAMES.join(', ')}`);
    } else disabled.add(known);
  }
  const nodeMonitorGracePeriodMs = milliseconds('node-monitor-grace-period-ms', 1);
  const period = milliseconds('node-monitor-period-ms', 1);
  if (values.kubeconfig === undefined) problems.push('--kubeconfig is missing');
  if (problems.length > 0) throw new Error(`${problems.join('; ')}\n\n${CONTROLLERS_USAGE}`);
  return {
    kubeconfig: values.kubeconfig ?? '',
    disabled,
    nodeMonitorGracePeriodMs,
    nodeMonitorPeriodMs: Math.max(1, Math.min(period, Math.floor(nodeMonitorGracePeriodMs / 4))),
    podEvictionMs: milliseconds('pod-eviction-ms', 0),
    ...(values['root-ca'] === undefined ? {} : { rootCa: values['root-ca'] }),
    logLevel: values['log-level'],
  };
}
