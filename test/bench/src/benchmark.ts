// SPDX-License-Identifier: Apache-2.0
/** What every benchmark has in common. */

/** Figures for machines, and the same as rows for people (first row is the header). */
export interface BenchmarkResult {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly table: readonly (readonly string[])[];
}

/** One benchmark; `say` reports progress, `args` are the arguments after its name (see `options.ts`). */
export interface Benchmark {
  readonly name: string;
  readonly about: string;
  run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult>;
}

/** Middle value; the mean of the two middle ones for an even count. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new Error('median of nothing');
  return (upper + lower) / 2;
}

/** Aligns rows into columns. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
