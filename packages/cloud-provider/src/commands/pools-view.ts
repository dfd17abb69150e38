// SPDX-License-Identifier: Apache-2.0
import { familyName } from '@fairlead/shared/address/address.ts';
import { formatProblem, type PoolProblem } from '../pools/pool.ts';
import type { FamilyReport, PoolReport, PoolsReport } from './pools-report.ts';

/**
 * The report as JSON. `size` and `free` are decimal strings: an IPv6 pool has more addresses than a JSON number can count
 * exactly. Pure.
 */
export function renderJson(
  { pools, waiting, problems, ...rest }: PoolsReport,
  withServices: boolean,
): string {
  const family = ({ family, size, free, held, ...others }: FamilyReport) => ({
    family: familyName(family),
    ...others,
    size: String(size),
    free: String(free),
    ...(withServices && { addresses: held }),
  });
  const report = {
    ...rest,
    pools: pools.map(({ families, ...pool }) => ({ ...pool, families: families.map(family) })),
    waiting: waiting.map(({ pool, ...service }) => ({ ...service, pool: pool ?? null })),
    problems: problems.map(({ severity, key, value, problem, nearestKey }) => ({
      severity,
      key,
      value,
      problem,
      ...(nearestKey !== undefined && { nearestKey }),
    })),
  };
  return JSON.stringify(report, null, 2);
}

/** The report as a table, with the ConfigMap's problems below. Pure. */
export function renderTable(report: PoolsReport, withServices: boolean): string {
  const { configMap, exists, pools, waiting, problems } = report;
  const parts = [poolTable(report)];
  if (withServices) {
    const held = pools.flatMap(({ id, families }) =>
      families.flatMap((family) =>
        family.held.map(({ address, services }) => [address, id, services.join(', ')]),
      ),
    );
    if (held.length > 0) parts.push(table(['ADDRESS', 'POOL', 'SERVICES'], held));
    const waits = waiting.map(({ service, pool, reason, message }) => [
      service,
      pool ?? '-',
      reason || '-',
      message,
    ]);
    if (waits.length > 0) parts.push(table(['WAITING', 'POOL', 'REASON', 'MESSAGE'], waits));
  } else if (waiting.length > 0) {
    parts.push(`${plural(waiting.length, 'Service waits', 'Services wait')}; --services shows which and why`);
  }
  if (!exists) parts.push(`ConfigMap ${configMap} does not exist`);
  else if (pools.length === 0) parts.push(`ConfigMap ${configMap} has no pool`);
  if (problems.length > 0) parts.push(problemList(configMap, problems));
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Numbers up to a trillion as they are, larger ones as a power of two where they are near one: `2^64-3`. Pure. */
export function compact(count: bigint): string {
  if (count < 1_000_000_000_000n) return String(count);
  const digits = count.toString(2).length;
  for (const exponent of [digits, digits - 1]) {
    const difference = count - (1n << BigInt(exponent));
    if (difference === 0n) return `2^${exponent}`;
    if (difference > -1_000_000n && difference < 1_000_000n) {
      return `2^${exponent}${difference < 0n ? '' : '+'}${difference}`;
    }
  }
  return Number(count).toExponential(2).replace('e+', 'e');
}

function poolTable({ pools }: PoolsReport): string {
  if (pools.length === 0) return '';
  const header = ['POOL', 'KEYS', 'FAMILY', 'SIZE', 'USED', 'FREE', 'WAITING'];
  return table(header, pools.flatMap(poolRows), new Set([3, 4, 5, 6]));
}

/** The Services that wait are counted in the first row: which family they lack is not told by the count. */
function poolRows({ id, keys, families, waiting, autoAssign }: PoolReport): readonly (readonly string[])[] {
  const name = autoAssign ? id : `${id} (on request)`;
  if (families.length === 0) return [[name, keys.join(','), '-', '0', '0', '0', String(waiting)]];
  return families.map(({ family, dhcp, size, used, free }, index) => {
    const counts = dhcp ? ['DHCP', '-', '-'] : [compact(size), String(used), compact(free)];
    const first = index === 0;
    return [
      first ? name : '',
      first ? keys.join(',') : '',
      familyName(family),
      ...counts,
      first ? String(waiting) : '',
    ];
  });
}

function problemList(configMap: string, problems: readonly PoolProblem[]): string {
  const lines = problems.map((problem) => `  ${problem.severity.padEnd(7)}  ${formatProblem(problem)}`);
  return [`ConfigMap ${configMap} has ${plural(problems.length, 'problem', 'problems')}:`, ...lines].join(
    '\n',
  );
}

function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  toTheRight: ReadonlySet<number> = new Set(),
): string {
  const all = [header, ...rows];
  const widths = header.map((_title, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number) =>
    toTheRight.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return all.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

function plural(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`;
}
