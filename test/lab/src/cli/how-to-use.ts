// SPDX-License-Identifier: Apache-2.0
import type { LabStatus } from './control.ts';

/** What can be done with a lab that was left running, for its user. */
export function howToUse(name: string, status: LabStatus): string {
  const flag = name === 'default' ? '' : ` --name ${name}`;
  const hosts = (status.hosts ?? []).map((host) => `${host.name} ${host.address}`).join(', ');
  return `
Lab "${name}" is up. API server: ${status.apiServer}. Hosts: ${hosts}.

  npm run lab -- kubectl${flag} get nodes
  npm run lab -- exec${flag} client -- bash         a shell on the client; likewise worker1, control-plane
  npm run lab -- freeze${flag} worker1              also kill, thaw, partition, heal, unplug, plug, reboot
  npm run lab -- pod-unready${flag} default/POD     also pod-kill, pod-ready
  npm run lab -- status
  npm run lab -- down${flag}

Logs: npm run lab -- exec${flag} client -- ls ${status.logDir}`;
}
