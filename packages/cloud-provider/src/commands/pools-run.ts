// SPDX-License-Identifier: Apache-2.0
import {
  isForbidden,
  isNotFound,
  type KubeClient,
  NetworkError,
} from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { SYSTEM_NAMESPACE } from '@fairlead/shared/kubernetes/contract.ts';
import { type ConfigMap, type Service, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { readConfigMap } from '@fairlead/shared/pools/config-map-name.ts';
import { isAboutPools, type PoolConfigMap, poolDataOf } from '@fairlead/shared/pools/pool-config.ts';
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { PoolsFlags } from './pools-flags.ts';
import { type PoolsReport, reportPools } from './pools-report.ts';
import { renderJson, renderTable } from './pools-view.ts';
import { readMode } from './settings.ts';

/** What to show, and to whom. */
export interface PoolsRun {
  readonly flags: PoolsFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Default: standard output. */
  readonly write?: (text: string) => void;
  /** Default: standard error. */
  readonly warn?: (text: string) => void;
}

/** A person waits. */
const CALL = { timeoutMs: 10_000, retry: false } as const;
const PAGE_SIZE = 500;

/** Reads the cluster and shows its pools. Resolves with the exit code. */
export async function runPools(run: PoolsRun): Promise<number> {
  const { flags, version, write = console.log, warn = console.error } = run;
  let client: KubeClient | undefined;
  try {
    client = await connect({
      ...(flags.kubeconfig !== undefined && { kubeconfig: flags.kubeconfig }),
      ...(flags.context !== undefined && { context: flags.context }),
      userAgent: `fairlead-cloud-provider-pools/${version}`,
    });
    const report = await readReport(client, run);
    const withServices = flags.services === true;
    write(flags.output === 'json' ? renderJson(report, withServices) : renderTable(report, withServices));
    return 0;
  } catch (error) {
    warn(`cloud-provider pools: ${explain(error, client)}`);
    return 1;
  } finally {
    client?.close();
  }
}

async function readReport(client: KubeClient, { flags, env }: PoolsRun): Promise<PoolsReport> {
  const reader = new SettingsReader({ env });
  const configMap = flags.configMap === undefined ? readConfigMap(reader) : named(flags.configMap);
  const mode = readMode(reader);
  reader.finish();
  const object = await findConfigMap(client, configMap);
  const services: Service[] = [];
  let continueToken: string | undefined;
  do {
    const options = { ...CALL, limit: PAGE_SIZE, ...(continueToken && { continueToken }) };
    const page = await client.list(SERVICES, options);
    services.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken);
  return reportPools({
    configMap: `${configMap.namespace}/${object?.metadata?.name ?? configMap.name}`,
    data: object === undefined ? undefined : poolDataOf(object),
    services,
    mode,
  });
}

function named(text: string): PoolConfigMap {
  const { namespace = SYSTEM_NAMESPACE, name } = splitKey(text);
  return { namespace, name };
}

/** The ConfigMap that the daemon would use. */
async function findConfigMap(
  client: KubeClient,
  { namespace, name, legacyName }: PoolConfigMap,
): Promise<ConfigMap | undefined> {
  try {
    return await client.get(CONFIG_MAPS, { namespace, name }, CALL);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  if (legacyName === undefined) return undefined;
  try {
    const legacy = await client.get(CONFIG_MAPS, { namespace, name: legacyName }, CALL);
    return isAboutPools(legacy) ? legacy : undefined;
  } catch (error) {
    if (isNotFound(error) || isForbidden(error)) return undefined;
    throw error;
  }
}

/** One line, whatever it was. */
function explain(error: unknown, client: KubeClient | undefined): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return error instanceof NetworkError && client !== undefined
    ? `the API server ${client.server} cannot be reached: ${line}`
    : line;
}
