// SPDX-License-Identifier: Apache-2.0

/** Flags and environment of kube-vip 0.1's `start`: each stands for a key of the file. */
interface OverlaySource {
  readonly env?: string;
  readonly flag?: string;
  /** Key at the top of the file. */
  readonly key: string;
  /** From the flag's text to what would stand in the file; default: the text. */
  readonly value?: (text: string) => unknown;
}

/** What is there to read from. */
export interface OverlayInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, string>>;
}

/** Everything that can be said beside the file. The help texts are the command's. */
export const TOP_SOURCES: readonly OverlaySource[] = [
  { env: 'vip_interface', flag: 'interface', key: 'interface' },
  { env: 'vip_address', flag: 'vip', key: 'vip' },
  { flag: 'disableVIP', key: 'disableVIP' },
  { env: 'vip_singlenode', flag: 'singleNode', key: 'singleNode' },
  { env: 'vip_startleader', flag: 'startAsLeader', key: 'startAsLeader' },
  { env: 'vip_arp', flag: 'arp', key: 'gratuitousARP' },
  { env: 'vip_leaderelection', flag: 'leaderElection', key: 'enableLeaderElection' },
  { env: 'vip_localpeer', flag: 'localPeer', key: 'localPeer', value: peerOf },
  {
    env: 'vip_remotepeers',
    flag: 'remotePeers',
    key: 'remotePeers',
    value: (text) => listOf(text).map(peerOf),
  },
  { env: 'vip_addpeerstolb', flag: 'addPeersToLB', key: 'addPeersAsBackends' },
];

/** The same for the first load balancer. */
export const BALANCER_SOURCES: readonly OverlaySource[] = [
  { env: 'lb_name', flag: 'lbName', key: 'name' },
  { env: 'lb_type', flag: 'lbType', key: 'type' },
  { env: 'lb_port', flag: 'lbPort', key: 'port' },
  { env: 'lb_bindtovip', flag: 'lbBindToVip', key: 'bindToVip' },
  { env: 'lb_backendport', flag: 'lbBackEndPort', key: 'backendPort' },
  { env: 'lb_backends', flag: 'lbBackends', key: 'backends', value: (text) => listOf(text).map(backendOf) },
];

/** What kube-vip 0.1 takes for a load balancer that only flags speak of. */
const BALANCER_DEFAULTS = { name: 'Kubeadm Load Balancer', type: 'tcp', port: 8080, backendPort: 6443 };

/** The document of the file with what environment and flags say put over it. Pure; nothing is checked here. */
export function overlay(document: unknown, inputs: OverlayInputs): unknown {
  const top = givenOf(TOP_SOURCES, inputs);
  const balancer = givenOf(BALANCER_SOURCES, inputs);
  const hasBalancer = Object.keys(balancer).length > 0;
  if (Object.keys(top).length === 0 && !hasBalancer) return document;
  if (!isMapping(document)) return document;
  if (!hasBalancer) return { ...document, ...top };
  const { loadBalancers } = document;
  const [first = BALANCER_DEFAULTS, ...others] = Array.isArray(loadBalancers) ? loadBalancers : [];
  return {
    ...document,
    ...top,
    loadBalancers: [isMapping(first) ? { ...first, ...balancer } : first, ...others],
  };
}

function givenOf(
  sources: readonly OverlaySource[],
  { env, flags }: OverlayInputs,
): Readonly<Record<string, unknown>> {
  const given: Record<string, unknown> = {};
  for (const { env: variable, flag, key, value = (text: string) => text } of sources) {
    const fromEnv = variable === undefined ? undefined : env[variable]?.trim() || undefined;
    const text = fromEnv ?? (flag === undefined ? undefined : flags[flag]?.trim());
    if (text !== undefined) given[key] = value(text);
  }
  return given;
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** `server1:192.168.0.70:10000`, an IPv6 address in brackets. What is missing is told of when the document is read. */
function peerOf(text: string): unknown {
  const [, id = text, address, port] = /^([^:]*):(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? [];
  return { id, address: withoutBrackets(address), ...(port !== undefined && { port }) };
}

/** `192.168.0.70:6443`, `[2001:db8::1]:6443`, a name with a port, or a URL. */
function backendOf(text: string): unknown {
  if (text.includes('://')) return { url: text };
  const [, address = text, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(text) ?? [];
  return { address: withoutBrackets(address), ...(port !== undefined && { port }) };
}

function withoutBrackets(text: string | undefined): string | undefined {
  return text?.replace(/^\[(.*)\]$/, '$1');
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
