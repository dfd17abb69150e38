// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family, familyName } from '@fairlead/shared/address/address.ts';
import { formatKey, givesByItself, type Pool, type Pools, poolSize } from '../pools/pool.ts';
import type { CheckedConfigMap } from './check-config-map.ts';
import type { ManifestReport } from './check-manifest.ts';
import type { Finding } from './check-source.ts';

/** `file:line: severity: key=value: problem`, one line per finding, then what was understood. */
export function formatReport(file: string, { findings, configMaps }: ManifestReport): string {
  return [
    ...findings.map((finding) => formatFinding(file, finding)),
    ...configMaps.flatMap((configMap) => describe(configMap)),
    '',
  ].join('\n');
}

/** The same for programs. Sizes are decimal text: those of IPv6 pools are beyond the numbers of JSON readers. */
export function reportAsJson(file: string, { findings, configMaps }: ManifestReport): string {
  const report = {
    file,
    ok: isClean(findings),
    problems: findings,
    configMaps: configMaps.map(({ namespace, name, line, pools }) => ({
      ...(namespace !== undefined && { namespace }),
      name,
      line,
      pools: [...pools.byId.values()].map((pool) => ({
        id: pool.id,
        kind: pool.kind,
        keys: pool.sources.map(({ key }) => key),
        sizes: Object.fromEntries(
          FAMILIES.map((family) => [familyName(family), `${poolSize(pool, family)}`]),
        ),
        dhcp: [...pool.dhcp].map(familyName),
        autoAssign: givesByItself(pool),
        ...(pool.selector !== undefined && { selector: pool.selector.text }),
        onChange: pool.onChange,
        ...(pool.cooldownMs !== undefined && { cooldownMs: pool.cooldownMs }),
      })),
      interfaces: Object.fromEntries(pools.interfaces),
      sharing: Object.fromEntries(pools.sharing),
      requestedOutsidePool: pools.requestedOutsidePool,
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

/** Whether there is nothing to mend: notices do not count. */
export function isClean(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === 'notice');
}

function formatFinding(file: string, { line, severity, key, value = '', problem }: Finding): string {
  const about = key === undefined ? '' : `${formatKey({ key, value })}: `;
  return `${file}:${line}: ${severity}: ${about}${problem.replace(/\s+/g, ' ')}`;
}

function describe({ name, namespace, pools }: CheckedConfigMap): readonly string[] {
  const title = `ConfigMap ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const list = [...pools.byId.values()].toSorted(byKindAndName);
  if (list.length === 0) return [`${title}: no pools`];
  const width = Math.max(...list.map(({ id }) => id.length));
  return [
    `${title}: ${list.length === 1 ? '1 pool' : `${list.length} pools`}`,
    ...list.map((pool) => `  ${pool.id.padEnd(width)}  ${describePool(pool, pools)}`),
  ];
}

const KIND_ORDER: readonly Pool['kind'][] = ['global', 'namespace', 'named'];

function byKindAndName(a: Pool, b: Pool): number {
  const kinds = KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind);
  return kinds !== 0 ? kinds : a.name < b.name ? -1 : 1;
}

function describePool(pool: Pool, pools: Pools): string {
  const sizes = FAMILIES.flatMap((family) => sizeIn(pool, family));
  return [
    sizes.length === 0 ? 'no addresses' : sizes.join(' and '),
    whom(pool),
    ...(pool.selector === undefined || pool.selectorUnreadable ? [] : [`labels ${pool.selector.text}`]),
    ...(pools.sharing.get(pool.id) ? ['sharing'] : []),
  ].join(', ');
}

function sizeIn(pool: Pool, family: Family): readonly string[] {
  if (pool.dhcp.has(family)) return [`${familyName(family)} by DHCP`];
  const size = poolSize(pool, family);
  return size === 0n ? [] : [`${size} ${familyName(family)}`];
}

function whom(pool: Pool): string {
  if (pool.selectorUnreadable) return 'for nobody';
  if (!givesByItself(pool)) return 'on request';
  if (pool.kind === 'named') return 'for every namespace';
  return pool.kind === 'global' ? 'for namespaces without a pool' : 'for its namespace';
}
