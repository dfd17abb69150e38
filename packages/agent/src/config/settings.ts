// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { DnsMode } from '../dns/choose-addresses.ts';
import {
  type ControlPlaneSettings,
  readControlPlaneSettings,
  requireOtherPort,
} from './control-plane-settings.ts';
import { type IpvsSettings, readIpvsSettings } from './ipvs-settings.ts';
import { type LeaseName, parseLeaseName } from './lease-name.ts';
import { SETTINGS } from './names.ts';
import { type RaftSettings, readRaftSettings } from './raft-settings.ts';
import { type SettingWarning, unsupportedGiven } from './unsupported.ts';

/** Which Services are ours by their `loadBalancerClass` (kube-vip's rules). */
export interface ClassRule {
  /** `legacy`: no class, or `name`. `modern`: exactly `name`, or only without a class when `name` is empty. */
  readonly handling: 'legacy' | 'modern';
  readonly name: string;
  /** Only in legacy handling: leave Services without a class alone. */
  readonly classOnly: boolean;
}

/** Everything the manager needs to know, checked. */
export interface AgentSettings {
  /** Lower case; identity in Leases. */
  readonly nodeName: string;
  /** Link to answer on, or a comma list of which the first that exists counts; undefined = the one with the default route. */
  readonly interface: string | undefined;
  /** Link for addresses of Services: names, `auto` (by subnet), or undefined = `interface`. */
  readonly servicesInterface: string | undefined;
  /** Serve Services (`svc_enable`). */
  readonly services: boolean;
  /** Undefined: no address of the control plane is known. */
  readonly controlPlane: ControlPlaneSettings | undefined;
  /** Only Services of this namespace; undefined = all. */
  readonly servicesNamespace: string | undefined;
  /** One owner for all Services, one for each, or one for all but those that are annotated to have their own. */
  readonly election: 'global' | 'perService' | 'onDemand';
  /** Lease of the one owner of all Services. */
  readonly servicesLease: LeaseName;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  readonly announceIntervalMs: number;
  readonly classRule: ClassRule;
  readonly serviceUpdates: boolean;
  readonly healthCheckPort: number | undefined;
  /** Where metrics and probes are served; undefined = nowhere. */
  readonly statusServer: { readonly host: string; readonly port: number } | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly kubeconfig: string | undefined;
  readonly inCluster: boolean;
  readonly apiServer: string | undefined;
  /** The engine that the operator wants; the group record says which is in force. */
  readonly engine: 'lease' | 'raft';
  /** Namespace of the group record and of its key. */
  readonly groupNamespace: string;
  readonly raft: RaftSettings;
  readonly balance: 'none' | 'nftables' | 'ipvs' | 'userspace';
  /** How packets reach the endpoints of Services that do not say. */
  readonly forwarding: 'nat' | 'dsr';
  /** What only the data plane `ipvs` looks at. */
  readonly ipvs: IpvsSettings;
  /** Drop what comes for an address of a Service but not for one of its ports. */
  readonly closePorts: boolean;
  readonly addressOn: 'lo' | 'interface';
  /** IPv4 addresses on `lo` have global instead of host scope. */
  readonly loGlobalScope: boolean;
  readonly dnsMode: DnsMode;
  /** Say on Node objects who answers for what. */
  readonly nodeLabels: boolean;
  /** Unanswered questions to DHCP servers after which the Service is told. */
  readonly dhcpAttempts: number;
  /** Settings that were given and are ignored. */
  readonly warnings: readonly SettingWarning[];
}

/** Where settings come from. */
export interface SettingInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags that were given, by long name. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly hostName: string;
  /** Namespace of the service account token, where there is one: the Leases live there, as the peer's do. */
  readonly tokenNamespace?: string;
}

const DEFAULT_CLASS = 'kube-vip.io/kube-vip-class';
const DEFAULT_KUBECONFIG = '/etc/kubernetes/admin.conf';
/** client-go's jitter factor: a renewal may be this much later than planned. */
const RETRY_JITTER = 1.2;
const DEFAULT_ANNOUNCE_MS = 60_000;

/**
 * Reads and checks all settings. The environment wins over flags, as in kube-vip.
 *
 * @throws SettingsError with every problem at once.
 */
export function readSettings(inputs: SettingInputs): AgentSettings {
  const { env, flags = {}, hostName, tokenNamespace } = inputs;
  const reader = new SettingsReader({ env, flags, prefer: 'env' });
  const services = reader.bool(SETTINGS.services, false);
  const isControlPlane = reader.bool(SETTINGS.controlPlane, false);
  requireMode(reader, services || isControlPlane);
  // Said or not, the kernel never looks for duplicates of a managed address: it would let go of it for an imposter.
  reader.bool(SETTINGS.skipDad, true);
  const namespace = tokenNamespace ?? reader.string(SETTINGS.leaseNamespace, 'kube-system');
  const explicitKubeconfig = reader.optionalString(SETTINGS.kubeconfig);
  // A static Pod is told of the cluster, too, but has no service account.
  const hasAccount = Boolean(env.KUBERNETES_SERVICE_HOST) && tokenNamespace !== undefined;
  const inCluster = explicitKubeconfig === undefined && hasAccount;
  const settings: AgentSettings = {
    nodeName: reader.string(SETTINGS.nodeName, hostName).toLowerCase(),
    interface: nonEmpty(reader.optionalString(SETTINGS.interface)),
    servicesInterface: nonEmpty(reader.optionalString(SETTINGS.servicesInterface)),
    services,
    controlPlane: readControlPlaneSettings(reader, isControlPlane, namespace),
    servicesNamespace: nonEmpty(reader.optionalString(SETTINGS.servicesNamespace)),
    election: readElection(reader),
    servicesLease: reader.read(SETTINGS.servicesLeaseName, (text) => parseLeaseName(text, namespace), {
      namespace,
      name: 'plndr-svcs-lock',
    }),
    ...readTiming(reader),
    announceIntervalMs: readAnnounceInterval(reader),
    classRule: readClassRule(reader, env),
    serviceUpdates: !reader.bool(SETTINGS.disableServiceUpdates, false),
    healthCheckPort: reader.read(SETTINGS.healthCheckPort, parseHealthPort, undefined),
    statusServer: reader.read<AgentSettings['statusServer']>(SETTINGS.prometheusServer, parseListen, {
      host: '',
      port: 2112,
    }),
    logLevel: reader.read(SETTINGS.logLevel, parseLogLevel, 'info'),
    kubeconfig: inCluster ? undefined : (explicitKubeconfig ?? env.KUBECONFIG ?? DEFAULT_KUBECONFIG),
    inCluster,
    apiServer: nonEmpty(reader.optionalString(SETTINGS.apiServer)),
    engine: reader.oneOf(SETTINGS.engine, ['lease', 'raft'], 'lease'),
    groupNamespace: namespace,
    raft: readRaftSettings(reader),
    balance: reader.oneOf(SETTINGS.balance, ['none', 'nftables', 'ipvs', 'userspace'], 'none'),
    forwarding: reader.oneOf(SETTINGS.forwarding, ['nat', 'dsr'], 'nat'),
    ipvs: readIpvsSettings(reader),
    closePorts: reader.bool(SETTINGS.closePorts, false),
    addressOn: reader.oneOf(SETTINGS.addressOn, ['lo', 'interface'], 'lo'),
    loGlobalScope: reader.bool(SETTINGS.loGlobalScope, false),
    // 0 means "for ever" to the peer, which gives up otherwise; we never do.
    dhcpAttempts: reader.integer(SETTINGS.dhcpAttempts, 3, { min: 0, max: 1_000 }) || 3,
    dnsMode: reader.oneOf(SETTINGS.dnsMode, ['first', 'ipv4', 'ipv6', 'dual'], 'first'),
    nodeLabels: reader.bool(SETTINGS.nodeLabels, false),
    warnings: unsupportedGiven(env, flags),
  };
  requireOtherPort(reader, settings);
  reader.finish();
  return settings;
}

/** kube-vip refuses to start without a mode and without a job; so do we, naming the setting. */
function requireMode(reader: SettingsReader, hasJob: boolean): void {
  if (!reader.bool(SETTINGS.arp, false)) {
    const received = reader.optionalString(SETTINGS.arp) ?? '';
    reader.addProblem({
      setting: SETTINGS.arp.env,
      received,
      expected: 'true (ARP and NDP are the only way of announcing in this version)',
    });
  }
  if (!hasJob) {
    reader.addProblem({
      setting: SETTINGS.services.env,
      received: reader.optionalString(SETTINGS.services) ?? '',
      expected: `true, or ${SETTINGS.controlPlane.env}: there has to be something to do`,
    });
  }
}

function readElection(reader: SettingsReader): AgentSettings['election'] {
  const perService = reader.bool(SETTINGS.servicesElection, false);
  const onDemand = reader.bool(SETTINGS.electionOnDemand, false);
  if (perService) return 'perService';
  return onDemand ? 'onDemand' : 'global';
}

function readTiming(reader: SettingsReader) {
  const limits = { bareUnit: 's', minMs: 100, maxMs: 3_600_000 } as const;
  const leaseDurationMs = reader.durationMs(SETTINGS.leaseDuration, 15_000, { ...limits, minMs: 1_000 });
  const renewDeadlineMs = reader.durationMs(SETTINGS.renewDeadline, 10_000, limits);
  const retryPeriodMs = reader.durationMs(SETTINGS.retryPeriod, 2_000, limits);
  if (renewDeadlineMs >= leaseDurationMs) {
    reader.addProblem({
      setting: SETTINGS.renewDeadline.env,
      received: `${renewDeadlineMs / 1000}`,
      expected: `less than ${SETTINGS.leaseDuration.env} (${leaseDurationMs / 1000} s): an owner must let go before another node may start`,
    });
  }
  if (retryPeriodMs * RETRY_JITTER >= renewDeadlineMs) {
    reader.addProblem({
      setting: SETTINGS.retryPeriod.env,
      received: `${retryPeriodMs / 1000}`,
      expected: `less than ${SETTINGS.renewDeadline.env} (${renewDeadlineMs / 1000} s) divided by ${RETRY_JITTER}: one lost renewal must not cost the address`,
    });
  }
  return { leaseDurationMs, renewDeadlineMs, retryPeriodMs };
}

/** kube-vip announces each 3 s and resets anything below 500 ms to that. Ours repeats at takeover, so the default is slow. */
function readAnnounceInterval(reader: SettingsReader): number {
  const ms = reader.integer(SETTINGS.announceInterval, DEFAULT_ANNOUNCE_MS, { min: 0, max: 3_600_000 });
  return ms < 500 ? 3_000 : ms;
}

function readClassRule(reader: SettingsReader, env: SettingInputs['env']): ClassRule {
  // The one setting that may be set to empty on purpose: with modern handling it means "Services without a class".
  const emptied = env[SETTINGS.className.env] === '';
  return {
    handling: reader.bool(SETTINGS.classLegacyHandling, true) ? 'legacy' : 'modern',
    name: emptied ? '' : reader.string(SETTINGS.className, DEFAULT_CLASS),
    classOnly: reader.bool(SETTINGS.classOnly, false),
  };
}

/** `:2112`, `0.0.0.0:2112`, `[::1]:2112`; empty = no server. */
export function parseListen(text: string): Parsed<{ host: string; port: number } | undefined> {
  if (text === '') return parsed(undefined);
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || port > 65_535) return unparsable('[host]:port, for example :2112');
  return parsed({ host: match[1] ?? match[2] ?? '', port });
}

function parseHealthPort(text: string): Parsed<number | undefined> {
  if (text === '0') return parsed(undefined);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port >= 1024 && port <= 65_535 ? parsed(port) : unparsable('0 (none) or a port from 1024 to 65535');
}

function parseLogLevel(text: string): Parsed<AgentSettings['logLevel']> {
  const word = text.toLowerCase();
  if (word === 'debug' || word === 'info' || word === 'warn' || word === 'error') return parsed(word);
  if (!/^-?\d{1,3}$/.test(text)) return unparsable('-4 (debug), 0 (info), 4 (warn), 8 (error) or the word');
  const level = Number(text);
  if (level < 0) return parsed('debug');
  if (level < 4) return parsed('info');
  return parsed(level < 8 ? 'warn' : 'error');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
