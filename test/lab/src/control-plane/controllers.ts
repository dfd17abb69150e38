// SPDX-License-Identifier: Apache-2.0
/** Controllers and scheduler: the real programs where the assets hold them, the lab's own for the rest. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONTROLLER_NAMES, type ControllerName } from '../controllers/options.ts';
import { CONTROL_PLANE } from '../network/plan.ts';
import { assetPrograms, type ControlPlaneOptions } from './control-plane.ts';

const STAND_INS = fileURLToPath(new URL('../controllers/main.ts', import.meta.url));

/** Which of the lab's own controllers the real programs make superfluous. Pure. */
export function replacedControllers(programs: readonly string[]): ControllerName[] {
  return CONTROLLER_NAMES.filter((name) =>
    programs.includes(name === 'scheduler' ? 'kube-scheduler' : 'kube-controller-manager'),
  );
}

/** Starts them; they wait for the API server by themselves. */
export function startControllers(options: ControlPlaneOptions): void {
  const { assets, components, credentials } = options;
  const kubeconfig = credentials.kubeconfig('controllers');
  const programs = assetPrograms(assets, ['kube-controller-manager', 'kube-scheduler']);
  for (const program of programs) {
    const flags = program === 'kube-scheduler' ? [] : controllerManagerFlags(options);
    components.start(program, CONTROL_PLANE, [
      join(assets ?? '', program),
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      `--cert-dir=${join(options.dataDir, program)}`,
      '--bind-address=127.0.0.1',
      ...flags,
    ]);
  }
  const replaced = replacedControllers(programs);
  if (replaced.length === CONTROLLER_NAMES.length) return;
  components.start('controllers', CONTROL_PLANE, [
    process.execPath,
    STAND_INS,
    ...['--kubeconfig', kubeconfig, '--root-ca', credentials.pki.caCertificateFile],
    ...['--node-monitor-grace-period-ms', String(options.nodeMonitorGracePeriodMs)],
    ...(options.podEvictionMs === undefined ? [] : ['--pod-eviction-ms', String(options.podEvictionMs)]),
    ...(replaced.length > 0 ? ['--disable', replaced.join(',')] : []),
  ]);
}

function controllerManagerFlags(options: ControlPlaneOptions): string[] {
  const { credentials, nodeMonitorGracePeriodMs } = options;
  const periodMs = Math.min(5_000, Math.max(1_000, Math.floor(nodeMonitorGracePeriodMs / 4)));
  return [
    `--node-monitor-grace-period=${nodeMonitorGracePeriodMs}ms`,
    `--node-monitor-period=${periodMs}ms`,
    `--service-account-private-key-file=${credentials.pki.serviceAccountKeyFile}`,
    `--root-ca-file=${credentials.pki.caCertificateFile}`,
    // Pod ranges of the nodes are fixed by the lab's routes.
    '--controllers=*,-node-ipam-controller,-node-route-controller,-service-lb-controller,-cloud-node-lifecycle-controller',
    '--allocate-node-cidrs=false',
  ];
}
