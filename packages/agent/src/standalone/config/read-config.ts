// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { parse as parseYaml } from 'yaml';
import { ONLY_IPVS } from '../../balance/model/kernel-schedulers.ts';
import { parseListen } from '../../config/parsers.ts';
import type { BalancerEntry } from './balancer-entry.ts';
import { overlay } from './overlay.ts';
import { readBalancer } from './read-balancer.ts';
import { readEngine } from './read-engine.ts';
import { readPeers } from './read-peers.ts';
import { type Findings, Section } from './section.ts';
import type {
  ConfigWarning,
  StandaloneConfig,
  StandaloneEngine,
  StandalonePlane,
} from './standalone-config.ts';

/** Where the configuration comes from. What the environment says wins over flags, and these over the file. */
export interface ConfigInputs {
  /** Text of the YAML file; undefined: there is none. */
  readonly text: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags that were given, by long name. */
  readonly flags: Readonly<Record<string, string>>;
  readonly hostName: string;
  /** Text of a file that the configuration names. */
  readonly readFile: (path: string) => Parsed<string>;
}

const ANNOUNCE_MS = { min: 500, max: 3_600_000 };
const DEFAULT_ANNOUNCE_MS = 60_000;

/**
 * Reads and checks the configuration of `agent start`: kube-vip 0.1's YAML and flags, and our additions.
 *
 * @throws SettingsError with every problem at once.
 */
export function readConfig(inputs: ConfigInputs): StandaloneConfig {
  const findings: Findings = { problems: [], unknown: [] };
  const document = parseDocument(inputs.text ?? '', findings);
  const root = new Section(overlay(document, inputs), findings);
  const warnings: ConfigWarning[] = [];
  const vips = readVips(root);
  const peers = readPeers(root);
  const engine = readEngine(root, peers, inputs.readFile);
  const addPeers = root.bool('addPeersAsBackends', false);
  const surroundings = {
    vips,
    peers: addPeers ? peers.map(({ address }) => address) : [],
    readFile: inputs.readFile,
  };
  const balancers = root
    .sections('loadBalancers')
    .flatMap((section, index) => readBalancer(section, index, surroundings) ?? []);
  const config: StandaloneConfig = {
    node: peers[0]?.name ?? inputs.hostName.toLowerCase(),
    vips,
    interface: root.string('interface'),
    peers,
    engine,
    plane: readPlane(root, balancers),
    balancers,
    addressOn: root.oneOf('addressOn', ['lo', 'interface']) ?? 'lo',
    announceIntervalMs: root.integer('announceIntervalMs', ANNOUNCE_MS) ?? DEFAULT_ANNOUNCE_MS,
    statusServer: root.parse('statusServer', parseListen),
    logLevel: root.oneOf('logLevel', ['debug', 'info', 'warn', 'error']) ?? 'info',
    warnings,
  };
  warnOfThePast(root, engine, warnings);
  checkNames(root, balancers);
  checkPlaces(root, balancers);
  root.finish();
  for (const setting of findings.unknown)
    warnings.push({ setting, message: 'nobody knows this key; it has no effect' });
  if (findings.problems.length > 0) throw new SettingsError(findings.problems);
  return config;
}

function parseDocument(text: string, { problems }: Findings): unknown {
  try {
    return parseYaml(text) ?? {};
  } catch (error) {
    const received = error instanceof Error ? error.message : String(error);
    problems.push({ setting: 'the configuration file', received, expected: 'YAML' });
    return {};
  }
}

function readVips(root: Section): readonly string[] {
  const vips = root.parse('vip', parseVips) ?? [];
  if (root.bool('disableVIP', false)) return [];
  if (!root.has('vip')) root.problem('vip', 'the address that moves between the hosts (or disableVIP: true)');
  return vips;
}

/** One address, or several with commas. */
function parseVips(text: string): Parsed<readonly string[]> {
  const parts = text.split(',');
  const usable = parts
    .flatMap((part) => addressOf(part.trim()) ?? [])
    .filter((address) => !isUnspecified(address));
  if (usable.length < parts.length) return unparsable('an IP address, or several with commas');
  return parsed([...new Set(usable.map(formatAddress))]);
}

/** What kernels do is rewriting addresses: only of the one address that they are given, and nothing of HTTP. */
function readPlane(root: Section, balancers: readonly BalancerEntry[]): StandalonePlane {
  const plane = root.oneOf('balance', ['userspace', 'nftables', 'ipvs']) ?? 'userspace';
  checkSchedulers(root, plane, balancers);
  if (plane === 'userspace') return plane;
  for (const { name, mode, addresses, backends } of balancers) {
    const expected = (why: string) =>
      root.problem('balance', `userspace for the load balancer "${name}": ${why}`);
    if (mode === 'http') expected('the kernel does not speak HTTP');
    if (addresses === undefined)
      expected('the kernel balances what comes for the vip only; set bindToVip: true');
    if (backends.some(({ isAddress }) => !isAddress)) expected('the kernel resolves no names');
  }
  return plane;
}

/** The kernel's own schedulers and ways: no other plane has anything like them. */
function checkSchedulers(root: Section, plane: StandalonePlane, balancers: readonly BalancerEntry[]): void {
  if (plane === 'ipvs') return;
  for (const { name, kernelScheduler, forwarding } of balancers) {
    if (kernelScheduler !== undefined && ONLY_IPVS.has(kernelScheduler))
      root.problem('balance', `ipvs for the scheduler ${kernelScheduler} of the load balancer "${name}"`);
    if (forwarding === 'tunnel' || forwarding === 'local' || forwarding === 'bypass')
      root.problem('balance', `ipvs for the forwarding ${forwarding} of the load balancer "${name}"`);
  }
}

function warnOfThePast(root: Section, engine: StandaloneEngine, warnings: ConfigWarning[]): void {
  const isStarter = root.bool('startAsLeader', false);
  if (isStarter && engine.kind !== 'single') {
    warnings.push({
      setting: 'startAsLeader',
      message: 'no effect: the hosts elect their leader, from the first moment on',
    });
  }
  root.bool('gratuitousARP', true);
  if (root.bool('enableLeaderElection', false)) {
    root.problem(
      'enableLeaderElection',
      'false: elections through an API server are what `agent manager` does; outside a cluster the engines are raft and etcd',
    );
  }
  if (engine.kind === 'raft' && engine.keyFile === undefined) {
    warnings.push({
      setting: 'groupKeyFile',
      message:
        'without a key, whoever can send datagrams to the hosts can take the address away; make one with `agent group key`',
    });
  }
}

function checkNames(root: Section, balancers: readonly BalancerEntry[]): void {
  const names = new Set<string>();
  for (const { name } of balancers) {
    if (names.has(name)) root.problem('loadBalancers', `different names; there are two "${name}"`);
    names.add(name);
  }
}

/** Two that listen at one place: only one of them would ever get a connection. */
function checkPlaces(root: Section, balancers: readonly BalancerEntry[]): void {
  for (const [index, one] of balancers.entries()) {
    const other = balancers.slice(0, index).find((each) => overlap(each, one));
    if (other === undefined) continue;
    const expected = `different ports; "${other.name}" and "${one.name}" both have ${one.port}`;
    root.problem('loadBalancers', expected);
  }
}

function overlap(a: BalancerEntry, b: BalancerEntry): boolean {
  if (a.port !== b.port || (a.mode === 'udp') !== (b.mode === 'udp')) return false;
  const [addresses, others] = [a.addresses, b.addresses];
  if (addresses === undefined || others === undefined) return true;
  return addresses.some((address) => others.includes(address));
}
