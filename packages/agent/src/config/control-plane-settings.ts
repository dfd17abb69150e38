// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { LEASE_NAME } from '@fairlead/shared/kubernetes/contract.ts';
import type { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import { hostNameOf } from '../dns/host-name.ts';
import { type LeaseName, parseLeaseName } from './lease-name.ts';
import { SETTINGS } from './names.ts';
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
export type ForwardingMethod = (typeof FORWARDING_METHODS)[number];

const FORWARDING_METHODS = ['local', 'masquerade', 'directroute', 'tunnel', 'bypass'] as const;

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
  const settings: ControlPlaneSettings = {
    isMember,
    addresses: [...new Set(entries.flatMap((entry) => (entry.kind === 'address' ? entry.text : [])))],
    names: [...new Set(entries.flatMap((entry) => (entry.kind === 'name' ? entry.text : [])))],
    port: reader.integer(SETTINGS.port, 6443, { min: 1, max: 65_535 }),
    lease: reader.read(SETTINGS.controlPlaneLeaseName, (text) => parseLeaseName(text, namespace), {
      namespace,
      name: LEASE_NAME.controlPlane,
    }),
    balance,
    healthCheck: readHealthCheck(reader),
    // kube-vip counts whole seconds, and 0 is its default.
    backendIntervalMs:
      reader.integer(SETTINGS.backendHealthInterval, 0, { min: 0, max: 3_600 }) * 1_000 ||
      DEFAULT_BACKEND_INTERVAL_MS,
    detect: reader.bool(SETTINGS.detectControlPlane, false),
  };
  if (entries.length > 0) return settings;
  if (isMember && !reader.isSet(SETTINGS.controlPlaneAddress) && !reader.isSet(SETTINGS.vipAddress)) {
    reader.addProblem({
      setting: SETTINGS.controlPlaneAddress.env,
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
    setting: SETTINGS.balancedPort.env,
    received: `${port}`,
    expected: `another port than that of the API servers (${SETTINGS.port.env}), as ${SETTINGS.balance.env} is userspace; or another data plane`,
  });
}

interface AddressEntry {
  readonly kind: 'address' | 'name';
  readonly text: string;
}

/** `address` counts; `vip_address` is what it was called before. */
function readEntries(reader: SettingsReader): readonly AddressEntry[] {
  const older = reader.read(SETTINGS.vipAddress, parseEntries, []);
  const entries = reader.read(SETTINGS.controlPlaneAddress, parseEntries, []);
  return entries.length > 0 ? entries : older;
}

const EXPECTED_ENTRIES =
  'IP addresses such as 192.0.2.10, or DNS names such as k8s.example.org, comma-separated';

function parseEntries(text: string): Parsed<readonly AddressEntry[]> {
  const entries: AddressEntry[] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const address = addressOf(part);
    const name = address === undefined ? hostNameOf(part) : undefined;
    if (name !== undefined) entries.push({ kind: 'name', text: name });
    else if (address !== undefined && !isUnspecified(address)) {
      entries.push({ kind: 'address', text: formatAddress(address) });
    } else {
      return unparsable(EXPECTED_ENTRIES);
    }
  }
  return entries.length > 0 ? parsed(entries) : unparsable(EXPECTED_ENTRIES);
}

function readBalance(reader: SettingsReader): ControlPlaneBalance | undefined {
  const isOn = reader.bool(SETTINGS.balanceControlPlane, false);
  const port = reader.integer(SETTINGS.balancedPort, 6443, { min: 1, max: 65_535 });
  const method = reader.oneOf(SETTINGS.forwardingMethod, FORWARDING_METHODS, 'masquerade');
  return isOn ? { port, method } : undefined;
}

function readHealthCheck(reader: SettingsReader): OwnHealthCheck | undefined {
  const url = reader.read<URL | undefined>(SETTINGS.controlPlaneHealthAddress, parseHttpUrl, undefined);
  const seconds = { min: 1, max: 3_600 };
  const check = {
    periodMs: reader.integer(SETTINGS.controlPlaneHealthPeriod, 5, seconds) * 1_000,
    timeoutMs: reader.integer(SETTINGS.controlPlaneHealthTimeout, 3, seconds) * 1_000,
    failureThreshold: reader.integer(SETTINGS.controlPlaneHealthThreshold, 3, { min: 1, max: 100 }),
    caFile: reader.optionalString(SETTINGS.controlPlaneHealthCa) || undefined,
  };
  return url === undefined ? undefined : { url, ...check };
}

function parseHttpUrl(text: string): Parsed<URL | undefined> {
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  return url !== null && isHttp ? parsed(url) : unparsable('a URL such as https://127.0.0.1:6443/livez');
}
