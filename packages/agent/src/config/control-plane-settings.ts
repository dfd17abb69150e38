// SPDX-License-Identifier: Apache-2.0
import type { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { LeaseName } from './lease-name.ts';
import { SETTINGS } from './names.ts';
import { type AddressEntry, EXPECTED_ENTRIES } from './parsers.ts';
import type { AgentSettings } from './settings.ts';

/** What an agent has to know to answer for the address of the control plane, checked. */
export interface ControlPlaneSettings {
  /**
   * An API server runs on this node, and the address may come here (`cp_enable`). False: the address is only known, for the
   * coordinator of the group may be an agent that serves Services alone.
   */
  readonly isMember: boolean;
  /** Canonical text. */
  readonly addresses: readonly string[];
  /** DNS names whose addresses count as well. */
  readonly names: readonly string[];
  /** Port of every API server. */
  readonly port: number;
  readonly lease: LeaseName;
  /** Undefined: connections stay with the API server of the node that has the address. */
  readonly balance: ControlPlaneBalance | undefined;
  /** What is asked instead of the API server of this node; undefined: the API server. */
  readonly healthCheck: OwnHealthCheck | undefined;
  /** Between two looks at the API servers of the other nodes. */
  readonly backendIntervalMs: number;
  /** Ask the certificate of the API server how it is called (`cp_detect`). */
  readonly detect: boolean;
}

/** `lb_enable`: connections to the address are spread over all API servers. */
export interface ControlPlaneBalance {
  /** Port at the address. */
  readonly port: number;
  readonly method: ForwardingMethod;
}

/** kube-vip's names for what IPVS calls local, masquerading, tunnelling, gatewaying, and its `bypass`. */
export type ForwardingMethod = typeof SETTINGS.forwardingMethod.value.fallback;

/** Another question than `/readyz` of the API server at this node, as kube-vip asks it before it announces by BGP. */
export interface OwnHealthCheck {
  readonly url: URL;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly failureThreshold: number;
  /** File with the certificates of those who may sign for the URL's host; undefined: anybody may. */
  readonly caFile: string | undefined;
}

const DEFAULT_BACKEND_INTERVAL_MS = 1_000;

/**
 * Reads what belongs to the control plane; problems go to the reader. Undefined when there is no address to know of.
 *
 * @param isMember `cp_enable`
 * @param namespace of the Lease, unless its setting names one
 */
export function readControlPlaneSettings(
  reader: SettingsReader,
  isMember: boolean,
  namespace: string,
): ControlPlaneSettings | undefined {
  const entries = readEntries(reader);
  const balance = readBalance(reader);
  const lease = reader.value(SETTINGS.controlPlaneLeaseName);
  const settings: ControlPlaneSettings = {
    isMember,
    addresses: [...new Set(entries.flatMap((entry) => (entry.kind === 'address' ? entry.text : [])))],
    names: [...new Set(entries.flatMap((entry) => (entry.kind === 'name' ? entry.text : [])))],
    port: reader.value(SETTINGS.port),
    lease: { ...lease, namespace: lease.namespace || namespace },
    balance,
    healthCheck: readHealthCheck(reader),
    // kube-vip counts whole seconds, and 0 is its default.
    backendIntervalMs: reader.value(SETTINGS.backendHealthInterval) * 1_000 || DEFAULT_BACKEND_INTERVAL_MS,
    detect: reader.value(SETTINGS.detectControlPlane),
  };
  if (entries.length > 0) return settings;
  if (isMember && !reader.isSet(SETTINGS.controlPlaneAddress) && !reader.isSet(SETTINGS.vipAddress)) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.controlPlaneAddress),
      received: '',
      expected: `${EXPECTED_ENTRIES}, as ${SETTINGS.controlPlane.env} is true`,
    });
  }
  return undefined;
}

/** What listens at the address in user space cannot have the port at which the API server of the node listens on all addresses. */
export function requireOtherPort(
  reader: SettingsReader,
  { balance, controlPlane }: Pick<AgentSettings, 'balance' | 'controlPlane'>,
): void {
  if (balance !== 'userspace' || controlPlane?.isMember !== true) return;
  const { port, balance: spread } = controlPlane;
  if (spread?.port !== port) return;
  reader.addProblem({
    setting: reader.nameOf(SETTINGS.balancedPort),
    received: `${port}`,
    expected: `another port than that of the API servers (${SETTINGS.port.env}), as ${SETTINGS.balance.env} is userspace; or another data plane`,
  });
}

/** `address` counts; `vip_address` is what it was called before. */
function readEntries(reader: SettingsReader): readonly AddressEntry[] {
  const older = reader.value(SETTINGS.vipAddress);
  const entries = reader.value(SETTINGS.controlPlaneAddress);
  return entries.length > 0 ? entries : older;
}

function readBalance(reader: SettingsReader): ControlPlaneBalance | undefined {
  const isOn = reader.value(SETTINGS.balanceControlPlane);
  const port = reader.value(SETTINGS.balancedPort);
  const method = reader.value(SETTINGS.forwardingMethod);
  return isOn ? { port, method } : undefined;
}

function readHealthCheck(reader: SettingsReader): OwnHealthCheck | undefined {
  const url = reader.value(SETTINGS.controlPlaneHealthAddress);
  const check = {
    periodMs: reader.value(SETTINGS.controlPlaneHealthPeriod) * 1_000,
    timeoutMs: reader.value(SETTINGS.controlPlaneHealthTimeout) * 1_000,
    failureThreshold: reader.value(SETTINGS.controlPlaneHealthThreshold),
    caFile: reader.value(SETTINGS.controlPlaneHealthCa),
  };
  return url === undefined ? undefined : { url, ...check };
}
