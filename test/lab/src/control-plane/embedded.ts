// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { CONTROL_PLANE, hostOf } from '../network/plan.ts';
import type { ControlPlaneOptions } from './control-plane.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('@fairlead/test-apiserver/main.ts'));

/** Starts the embedded API server on the control-plane host, on all its addresses. */
export function startEmbeddedServer(options: ControlPlaneOptions): void {
  const { components, credentials, plan } = options;
  const port = plan.apiServer.slice(plan.apiServer.lastIndexOf(':') + 1);
  components.start('kube-apiserver', CONTROL_PLANE, [
    process.execPath,
    PROGRAM,
    ...['--host', plan.ipv6 ? '::' : '0.0.0.0', '--port', port],
    ...['--advertise-address', hostOf(plan, CONTROL_PLANE).ipv4],
    ...['--pki-dir', credentials.pki.directory, '--token-file', credentials.tokenFile],
    ...['--service-cluster-ip-range', plan.serviceCidrs.join(',')],
    ...options.extraServerArgs,
  ]);
}
