// SPDX-License-Identifier: Apache-2.0
/** Makes a planned network real: few programs, all hosts at the same time. Only inside the private namespaces. */
import { existsSync, writeFileSync } from 'node:fs';
import { run, runOrThrow } from '../process/run.ts';
import { HOST_INTERFACE, type HostPlan, type NetworkPlan } from './plan.ts';

/** `ip -batch` lines for the lab's root namespace: the switch and the (still empty) hosts. Pure. */
export function switchBatch(plan: NetworkPlan): string[] {
  const { bridge } = plan;
  return [
    'link set lo up',
    `link add ${bridge.name} address ${bridge.mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `addr add ${bridge.ipv4}/16 dev ${bridge.name}`,
    ...(bridge.ipv6 === undefined ? [] : [`addr add ${bridge.ipv6}/64 dev ${bridge.name} nodad`]),
    `link set ${bridge.name} up`,
  ];
}

/** `ip -batch` lines for inside a host. The cable's other end lands in the namespace of process `rootPid`. Pure. */
export function hostBatch(host: HostPlan, rootPid: number): string[] {
  const device = `dev ${HOST_INTERFACE}`;
  return [
    'link set lo up',
    `link add ${HOST_INTERFACE} address ${host.mac} type veth peer name ${host.switchPort} netns ${rootPid}`,
    `addr add ${host.ipv4}/16 brd + ${device}`,
    ...(host.ipv6 === undefined ? [] : [`addr add ${host.ipv6}/64 ${device} nodad`]),
    `link set ${HOST_INTERFACE} up`,
    ...host.routes.map(({ destination, via }) => `route add ${destination} via ${via} ${device}`),
  ];
}

/** Shell lines that set a host's sysctls. Pure. */
export function sysctlScript(sysctls: Readonly<Record<string, string>>): string {
  return Object.entries(sysctls)
    .map(([name, value]) => `echo '${value}' > /proc/sys/${name.replaceAll('.', '/')}`)
    .join('\n');
}

/** Builds the switch and all hosts. */
export async function applyNetwork(plan: NetworkPlan): Promise<void> {
  await batch(switchBatch(plan));
  await Promise.all(plan.hosts.map((host) => applyHost(plan, host)));
}

/** Builds one host and plugs it in: at the start, and again when it is rebooted. */
export async function applyHost(plan: NetworkPlan, host: HostPlan): Promise<void> {
  await runOrThrow(['ip', 'netns', 'add', host.name]);
  const script = `set -e\n${sysctlScript(host.sysctls)}\nexec ip -batch -`;
  await runOrThrow(inHost(host.name, ['sh', '-c', script]), {
    stdin: `${hostBatch(host, process.pid).join('\n')}\n`,
  });
  // A port of a switch has nothing to say of its own (multicast listener reports, neighbour discovery).
  const setting = `/proc/sys/net/ipv6/conf/${host.switchPort}/disable_ipv6`;
  if (existsSync(setting)) writeFileSync(setting, '1');
  await batch([`link set ${host.switchPort} master ${plan.bridge.name} up`]);
}

/** Removes hosts and switch; what is not there is no error. */
export async function removeNetwork(plan: NetworkPlan): Promise<void> {
  await Promise.all(plan.hosts.map((host) => run(['ip', 'netns', 'delete', host.name])));
  await run(['ip', 'link', 'delete', plan.bridge.name]);
}

/** The command line that runs `argv` in a named network namespace. The process ID stays that of the program. */
export function inHost(namespace: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, '--', ...argv];
}

/** One `ip -batch` in the lab's root namespace. */
export async function batch(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await runOrThrow(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
}
