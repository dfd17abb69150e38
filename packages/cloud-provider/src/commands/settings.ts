// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { LEASE_NAME, LOAD_BALANCER_CLASS, SYSTEM_NAMESPACE } from '@fairlead/shared/kubernetes/contract.ts';
import { readConfigMap } from '@fairlead/shared/pools/config-map-name.ts';
import type { LogLevel } from '@fairlead/shared/runtime/logging.ts';
import { type SettingSources, SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { CloudProviderSettings } from '../cloud-provider.ts';
import type { ClassMode } from '../services/service-state.ts';

/** All settings of the `cloud-provider` command. */
export interface CommandSettings extends CloudProviderSettings {
  /** Path of a kubeconfig; undefined: as kubectl does, then the Pod's service account. */
  readonly kubeconfig: string | undefined;
  /** URL that replaces the server of the kubeconfig. */
  readonly server: string | undefined;
  /** Where `/healthz`, `/livez`, `/readyz` and `/metrics` are served. */
  readonly status: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
}

/** Port of the status server: the one of Kubernetes' cloud controller managers, here plain HTTP. */
export const DEFAULT_PORT = 10_258;
/** Writes are waits for the API server, so some at a time; one Service is never worked on twice at once. */
export const DEFAULT_CONCURRENCY = 10;
/** Long enough for neighbour caches and DNS to forget the old owner. */
export const DEFAULT_REST_MS = 60_000;

/**
 * Reads environment and flags; throws a SettingsError that lists every problem. The environment names are those of
 * kube-vip-cloud-provider and plndr-cloud-provider, the flags those of Kubernetes' cloud controller managers.
 */
export function readSettings(sources: SettingSources): CommandSettings {
  const reader = new SettingsReader(sources);
  const verbosity = reader.integer({ flag: 'v' }, 0, { min: 0, max: 10 });
  const settings: CommandSettings = {
    configMap: readConfigMap(reader),
    mode: readMode(reader),
    election: readElection(reader),
    concurrency: reader.integer({ flag: 'concurrent-service-syncs' }, DEFAULT_CONCURRENCY, {
      min: 1,
      max: 1_000,
    }),
    writeServiceConfigMaps: reader.bool(
      { flag: 'write-service-configmaps', env: 'FAIRLEAD_WRITE_SERVICE_CONFIGMAPS' },
      false,
    ),
    restMs: reader.durationMs({ flag: 'release-rest', env: 'FAIRLEAD_RELEASE_REST' }, DEFAULT_REST_MS),
    kubeconfig: reader.optionalString({ flag: 'kubeconfig' }),
    server: reader.optionalString({ flag: 'master' }),
    status: {
      host: reader.string({ flag: 'bind-address' }, '0.0.0.0'),
      port: reader.integer({ flag: 'port' }, DEFAULT_PORT, { min: 0, max: 65_535 }),
    },
    logLevel: verbosity >= 6 ? 'trace' : verbosity >= 4 ? 'debug' : 'info',
  };
  reader.finish();
  return settings;
}

/** Which Services are ours. */
export function readMode(reader: SettingsReader): ClassMode {
  const enabled = reader.bool({ env: 'KUBEVIP_ENABLE_LOADBALANCERCLASS' }, false);
  const name = reader.string({ env: 'KUBEVIP_CUSTOM_LOADBALANCERCLASS_NAME' }, LOAD_BALANCER_CLASS);
  return enabled ? { kind: 'class', name } : { kind: 'classless' };
}

function readElection(reader: SettingsReader): CloudProviderSettings['election'] {
  const enabled = reader.bool({ flag: 'leader-elect' }, true);
  const lock = reader.string({ flag: 'leader-elect-resource-lock' }, 'leases');
  if (enabled && lock !== 'leases') {
    reader.addProblem({ setting: '--leader-elect-resource-lock', received: lock, expected: 'leases' });
  }
  const times = { minMs: 100, maxMs: 3_600_000 };
  const timing = {
    leaseDurationMs: reader.durationMs({ flag: 'leader-elect-lease-duration' }, 15_000, times),
    renewDeadlineMs: reader.durationMs({ flag: 'leader-elect-renew-deadline' }, 10_000, times),
    retryPeriodMs: reader.durationMs({ flag: 'leader-elect-retry-period' }, 2_000, times),
  };
  if (timing.renewDeadlineMs >= timing.leaseDurationMs) {
    const expected = `less than the lease duration, ${timing.leaseDurationMs} ms`;
    reader.addProblem({
      setting: '--leader-elect-renew-deadline',
      received: `${timing.renewDeadlineMs}ms`,
      expected,
    });
  }
  if (timing.retryPeriodMs >= timing.renewDeadlineMs) {
    const expected = `less than the renew deadline, ${timing.renewDeadlineMs} ms`;
    reader.addProblem({
      setting: '--leader-elect-retry-period',
      received: `${timing.retryPeriodMs}ms`,
      expected,
    });
  }
  if (!enabled) return undefined;
  return {
    namespace: reader.string({ flag: 'leader-elect-resource-namespace' }, SYSTEM_NAMESPACE),
    leaseName: reader.string({ flag: 'leader-elect-resource-name' }, LEASE_NAME.cloudProvider),
    identity: `${hostname()}_${randomUUID()}`,
    timing,
  };
}
