// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { DEFAULT_LEASE_NAMESPACE } from './names.ts';
import { MAY_BE_EMPTY, type Said } from './said.ts';

/** One variable of a container, as manifests spell it. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

/** A variable in its place. */
interface Line {
  readonly name: string;
  /** Undefined: it is not there. */
  readonly value: (said: Said) => string | undefined;
  /** There only when it is true: said to be false, it needs no line. */
  readonly isTruth?: true;
}

const line = (name: string, value: Line['value']): Line => ({ name, value });
/** There when it was said. */
const given = (name: string): Line => line(name, (said) => said.nonEmpty(name));
/** There when it was said to be true. */
const truth = (name: string): Line => ({
  name,
  value: (said) => (said.isOn(name) ? 'true' : undefined),
  isTruth: true,
});
/** Always there. */
const always = (name: string, fallback: string): Line =>
  line(name, (said) => said.nonEmpty(name) ?? fallback);
/** A truth value, and the lines that are there as long as it is true. */
const under = (gate: string, ...lines: readonly Line[]): readonly Line[] => [
  truth(gate),
  ...lines.map((each) => ({
    ...each,
    value: (said: Said) => (said.isOn(gate) ? each.value(said) : undefined),
  })),
];

const HEALTH = 'control_plane_health_check';

/**
 * The environment in the order of kube-vip's generator, so that two manifests can be compared line by line. Values that are
 * not said are its, too, with three exceptions: `lb_fwdmethod` (its default balances nothing), `dhcp_mode` (it forgets
 * the flag) and `vip_loseleadership_timeout_seconds` (it writes the number under another name).
 */
const LINES: readonly Line[] = [
  line('vip_arp', (said) => `${said.isOn('vip_arp')}`),
  always('port', '6443'),
  line('vip_nodename', () => ''),
  given('instance_name'),
  given('vip_interface'),
  truth('vip_interfaceloglobal'),
  given('vip_servicesinterface'),
  truth('vip_allow_interface_not_up'),
  line('vip_subnet', (said) => said.nonEmpty('vip_subnet') ?? subnetOf(said)),
  always('dns_mode', 'first'),
  line('dhcp_mode', (said) => said.nonEmpty('dhcp_mode') ?? familyOf(said)),
  given('dhcp_backoff_attempts'),
  ...under(
    'cp_enable',
    always('cp_namespace', DEFAULT_LEASE_NAMESPACE),
    truth('vip_ddns'),
    truth('cp_detect'),
  ),
  ...under(
    'svc_enable',
    always('svc_leasename', 'plndr-svcs-lock'),
    truth('svc_election'),
    truth('lb_class_only'),
    truth('enable_service_security'),
  ),
  ...under(
    'vip_leaderelection',
    always('vip_leasename', 'plndr-cp-lock'),
    always('vip_leaseduration', '15'),
    always('vip_renewdeadline', '10'),
    always('vip_retryperiod', '2'),
  ),
  ...under('vip_loseleadership', always('vip_loseleadership_timeout_seconds', '30')),
  truth('enable_node_labeling'),
  given('annotation'),
  truth('vip_wireguard'),
  truth('vip_routingtable'),
  ...under(
    'bgp_enable',
    truth('bgp_attach_ip_to_interface'),
    always('bgp_routerid', ''),
    always('bgp_as', '65000'),
    always('bgp_peeraddress', ''),
    always('bgp_peerpass', ''),
    always('bgp_peeras', '65000'),
    given('bgp_sourceif'),
    given('bgp_sourceip'),
    given('bgp_peers'),
  ),
  given(`${HEALTH}_address`),
  line(`${HEALTH}_period_seconds`, (said) => checked(said, 'period_seconds', '5')),
  line(`${HEALTH}_timeout_seconds`, (said) => checked(said, 'timeout_seconds', '3')),
  line(`${HEALTH}_failure_threshold`, (said) => checked(said, 'failure_threshold', '3')),
  line(`${HEALTH}_ca_path`, (said) => checked(said, 'ca_path', undefined)),
  ...under('lb_enable', always('lb_port', '6443'), always('lb_fwdmethod', 'masquerade')),
  given('address'),
  line('vip_address', (said) => (said.nonEmpty('address') ? undefined : (said.text('vip_address') ?? ''))),
  line('prometheus_server', (said) => said.text('prometheus_server') ?? ':2112'),
  truth('enable_endpoints'),
  truth('disable_service_updates'),
  given('mirror_dest_interface'),
  given('health_check_port'),
  truth('vip_preserve_on_leadership_loss'),
  given('debounce_time'),
];

/** What was said to be false and would only be there when true. */
const TRUTHS: ReadonlySet<string> = new Set(
  LINES.flatMap(({ name, isTruth }) => (isTruth === true ? name : [])),
);

/** What a manifest says by other means than a variable: the node's name, the file that is mounted, and what was read from a file. */
const ELSEWHERE: ReadonlySet<string> = new Set(['vip_nodename', 'k8s_config_file', 'config_file']);

/** The environment of the container: kube-vip's lines first, then whatever else was said. Pure. */
export function environmentOf(said: Said): readonly EnvVar[] {
  const lines = LINES.flatMap(({ name, value }): EnvVar[] => {
    const text = value(said);
    if (text === undefined) return [];
    return [name === 'vip_nodename' ? nodeName(name) : { name, value: text }];
  });
  const written = new Set(lines.map(({ name }) => name));
  const others = said.names().flatMap((name): EnvVar[] => {
    const value = said.text(name);
    if (value === undefined || (value === '' && name !== MAY_BE_EMPTY)) return [];
    if (written.has(name) || ELSEWHERE.has(name)) return [];
    return TRUTHS.has(name) && !said.isOn(name) ? [] : [{ name, value }];
  });
  return [...lines, ...others];
}

/** Arguments of the container: what was said and cannot be a variable. Pure. */
export function argumentsOf(said: Said): readonly string[] {
  const flags = Object.entries(said.flagsAlone()).map(([name, value]) => `--${name}=${value}`);
  // An empty variable counts as not set, and would leave the server where it is by default.
  return said.text('prometheus_server') === '' ? ['--prometheusHTTPServer=', ...flags] : flags;
}

function nodeName(name: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } };
}

function checked(said: Said, what: string, fallback: string | undefined): string | undefined {
  return said.nonEmpty(`${HEALTH}_address`) && (said.nonEmpty(`${HEALTH}_${what}`) ?? fallback);
}

/** kube-vip's rule for DHCP where nothing is said: the families that count for names. */
function familyOf(said: Said): string {
  const mode = said.nonEmpty('dns_mode') ?? 'first';
  return mode === 'first' ? 'ipv4' : mode;
}

/** Single addresses of the families in `address`. Names count as `dns_mode` says; nobody is asked for them here. */
function subnetOf(said: Said): string | undefined {
  const entries = (said.nonEmpty('address') ?? '').split(',').flatMap((entry) => entry.trim() || []);
  const mode = said.nonEmpty('dns_mode') ?? 'first';
  const families = new Set(
    entries.flatMap(
      (entry) => addressOf(entry)?.family ?? (mode === 'dual' ? [4, 6] : mode === 'ipv6' ? 6 : 4),
    ),
  );
  const prefixes = [families.has(4) ? '32' : [], families.has(6) ? '128' : []].flat();
  return prefixes.join(',') || undefined;
}
