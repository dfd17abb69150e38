// SPDX-License-Identifier: Apache-2.0
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { DnsMode } from '../dns/choose-addresses.ts';
import {
  type ControlPlaneSettings,
  readControlPlaneSettings,
  requireOtherPort,
} from './control-plane-settings.ts';
import { dangersIn } from './dangers.ts';
import { type IpvsSettings, readIpvsSettings } from './ipvs-settings.ts';
import type { LeaseName } from './lease-name.ts';
import { SETTINGS } from './names.ts';
import type { ListenAddress } from './parsers.ts';
import { type RaftSettings, readRaftSettings } from './raft-settings.ts';
import type { SettingInputs } from './setting-inputs.ts';
import { type SettingWarning, unknownGiven, unsupportedGiven } from './warnings.ts';

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
  readonly statusServer: ListenAddress | undefined;
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

const DEFAULT_KUBECONFIG = '/etc/kubernetes/admin.conf';
/** client-go's jitter factor: a renewal may be this much later than planned. */
const RETRY_JITTER = 1.2;

/**
 * Reads and checks all settings. The environment wins over flags, as in kube-vip, and both over the configuration file.
 *
 * @throws SettingsError with every problem at once.
 */
export function readSettings(inputs: SettingInputs): AgentSettings {
  const { env, hostName, tokenNamespace } = inputs;
  const reader = settingsReader(inputs);
  const services = reader.value(SETTINGS.services);
  const isControlPlane = reader.value(SETTINGS.controlPlane);
  requireMode(reader, services || isControlPlane);
  // Said or not, the kernel never looks for duplicates of a managed address: it would let go of it for an imposter.
  reader.value(SETTINGS.skipDad);
  const namespace = tokenNamespace ?? reader.value(SETTINGS.leaseNamespace) ?? 'kube-system';
  const explicitKubeconfig = reader.value(SETTINGS.kubeconfig);
  // A static Pod is told of the cluster, too, but has no service account.
  const hasAccount = Boolean(env.KUBERNETES_SERVICE_HOST) && tokenNamespace !== undefined;
  const inCluster = explicitKubeconfig === undefined && hasAccount;
  const settings: Omit<AgentSettings, 'warnings'> = {
    nodeName: reader.value(SETTINGS.nodeName) ?? hostName.toLowerCase(),
    interface: reader.value(SETTINGS.interface),
    servicesInterface: reader.value(SETTINGS.servicesInterface),
    services,
    controlPlane: readControlPlaneSettings(reader, isControlPlane, namespace),
    servicesNamespace: reader.value(SETTINGS.servicesNamespace),
    election: readElection(reader),
    servicesLease: leaseIn(namespace, reader.value(SETTINGS.servicesLeaseName)),
    ...readTiming(reader),
    announceIntervalMs: readAnnounceInterval(reader),
    classRule: readClassRule(reader, env),
    serviceUpdates: !reader.value(SETTINGS.disableServiceUpdates),
    healthCheckPort: reader.value(SETTINGS.healthCheckPort),
    statusServer: reader.value(SETTINGS.prometheusServer),
    logLevel: reader.value(SETTINGS.logLevel),
    kubeconfig: inCluster ? undefined : (explicitKubeconfig ?? env.KUBECONFIG ?? DEFAULT_KUBECONFIG),
    inCluster,
    apiServer: reader.value(SETTINGS.apiServer),
    engine: reader.value(SETTINGS.engine),
    groupNamespace: namespace,
    raft: readRaftSettings(reader),
    balance: reader.value(SETTINGS.balance),
    forwarding: reader.value(SETTINGS.forwarding),
    ipvs: readIpvsSettings(reader),
    closePorts: reader.value(SETTINGS.closePorts),
    addressOn: reader.value(SETTINGS.addressOn),
    loGlobalScope: reader.value(SETTINGS.loGlobalScope),
    // 0 means "for ever" to the peer, which gives up otherwise; we never do.
    dhcpAttempts: reader.value(SETTINGS.dhcpAttempts) || 3,
    dnsMode: reader.value(SETTINGS.dnsMode),
    nodeLabels: reader.value(SETTINGS.nodeLabels),
  };
  requireOtherPort(reader, settings);
  reader.finish();
  const warnings = [...unsupportedGiven(reader), ...unknownGiven(inputs), ...dangersIn(settings, reader)];
  return { ...settings, warnings };
}

/** Finds settings in all three places. */
export function settingsReader({ env, flags = {}, file }: SettingInputs): SettingsReader {
  const reader = new SettingsReader({ env, flags, file: file?.values ?? {}, prefer: 'env' });
  for (const problem of file?.problems ?? []) reader.addProblem(problem);
  return reader;
}

/** A Lease whose name says no namespace is in the one of the agents. */
export function leaseIn(namespace: string, lease: LeaseName): LeaseName {
  return lease.namespace === '' ? { ...lease, namespace } : lease;
}

/** kube-vip refuses to start without a mode and without a job; so do we, naming the setting. */
function requireMode(reader: SettingsReader, hasJob: boolean): void {
  if (!reader.value(SETTINGS.arp) && !reader.isRefused(SETTINGS.arp)) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.arp),
      received: reader.given(SETTINGS.arp)?.text ?? '',
      expected: 'true (ARP and NDP are the only way of announcing in this version)',
    });
  }
  if (!hasJob && !reader.isRefused(SETTINGS.services) && !reader.isRefused(SETTINGS.controlPlane)) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.services),
      received: reader.given(SETTINGS.services)?.text ?? '',
      expected: `true, or ${SETTINGS.controlPlane.env}: there has to be something to do`,
    });
  }
}

function readElection(reader: SettingsReader): AgentSettings['election'] {
  const perService = reader.value(SETTINGS.servicesElection);
  const onDemand = reader.value(SETTINGS.electionOnDemand);
  if (perService) return 'perService';
  return onDemand ? 'onDemand' : 'global';
}

function readTiming(reader: SettingsReader) {
  const leaseDurationMs = reader.value(SETTINGS.leaseDuration);
  const renewDeadlineMs = reader.value(SETTINGS.renewDeadline);
  const retryPeriodMs = reader.value(SETTINGS.retryPeriod);
  if (renewDeadlineMs >= leaseDurationMs) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.renewDeadline),
      received: `${renewDeadlineMs / 1000}`,
      expected: `less than ${SETTINGS.leaseDuration.env} (${leaseDurationMs / 1000} s): an owner must let go before another node may start`,
    });
  }
  if (retryPeriodMs * RETRY_JITTER >= renewDeadlineMs) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.retryPeriod),
      received: `${retryPeriodMs / 1000}`,
      expected: `less than ${SETTINGS.renewDeadline.env} (${renewDeadlineMs / 1000} s) divided by ${RETRY_JITTER}: one lost renewal must not cost the address`,
    });
  }
  return { leaseDurationMs, renewDeadlineMs, retryPeriodMs };
}

/** kube-vip announces each 3 s and resets anything below 500 ms to that. Ours repeats at takeover, so the default is slow. */
function readAnnounceInterval(reader: SettingsReader): number {
  const ms = reader.value(SETTINGS.announceInterval);
  return ms < 500 ? 3_000 : ms;
}

function readClassRule(reader: SettingsReader, env: SettingInputs['env']): ClassRule {
  // The one setting that may be set to empty on purpose: with modern handling it means "Services without a class".
  const emptied = env[SETTINGS.className.env] === '';
  return {
    handling: reader.value(SETTINGS.classLegacyHandling) ? 'legacy' : 'modern',
    name: emptied ? '' : reader.value(SETTINGS.className),
    classOnly: reader.value(SETTINGS.classOnly),
  };
}
