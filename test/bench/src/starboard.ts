// SPDX-License-Identifier: Apache-2.0
/**
 * How long starboard takes to write 1,000 prefixes, and to notice and repair a foreign edit of one of them, with both back ends of iptables.
 * Repair counts from the end of the program that makes the edit to the first listing without it.
 */
import { fileURLToPath } from 'node:url';
import { buildSite, type SiteNode } from '@fairlead/agent/starboard/testing/site.ts';
import { CONFIG_MAPS } from '@fairlead/shared/kubernetes/resources.ts';
import { ensureLabNamespace, namespaceMode } from '@fairlead/test-lab/namespace.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { manyPools, PREFIXES } from './starboard/pools.ts';

const APPLY_ROUNDS = 20;
const REPAIR_ROUNDS = 20;
const LIMIT_MS = 60_000;
const APPLY = fileURLToPath(new URL('./starboard/apply-main.ts', import.meta.url));

interface Figure {
  readonly median: number;
  readonly worst: number;
}

const BACKENDS = ['nft', 'legacy'] as const;

async function run(say: (text: string) => void): Promise<BenchmarkResult> {
  const site = await buildSite({ nft: 'nft', legacy: 'legacy' });
  try {
    const metadata = { namespace: 'kube-system', name: 'kubevip' };
    await site.admin.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: manyPools(),
    });
    const backends: Record<string, { readonly apply1000Ms: Figure; readonly repairMs: Figure }> = {};
    for (const backend of BACKENDS) {
      const node = site.node(backend);
      say(`${backend}: ${PREFIXES} prefixes, ${APPLY_ROUNDS} times`);
      const applied = JSON.parse(
        node.run(process.execPath, APPLY, backend, String(APPLY_ROUNDS)),
      ) as number[];
      say(`${backend}: ${REPAIR_ROUNDS} foreign edits`);
      const repaired = await measureRepairs(node, site.kubeconfig);
      backends[backend] = { apply1000Ms: figureOf(applied), repairMs: figureOf(repaired) };
    }
    const all = Object.values(backends);
    const rows = Object.entries(backends).map(([backend, { apply1000Ms, repairMs }]) => [
      backend,
      ...[apply1000Ms.median, apply1000Ms.worst, repairMs.median, repairMs.worst].map(String),
    ]);
    return {
      figures: {
        // Of the slower back end the median, and the worst repair of all.
        apply1000Ms: Math.max(...all.map(({ apply1000Ms }) => apply1000Ms.median)),
        repairMs: Math.max(...all.map(({ repairMs }) => repairMs.worst)),
        rounds: { apply: APPLY_ROUNDS, repair: REPAIR_ROUNDS },
        // In a user namespace nftables takes four transactions for what is one otherwise.
        namespace: namespaceMode(),
        backends,
      },
      table: [['back end', 'apply, ms', 'worst', 'repair, ms', 'worst'], ...rows],
    };
  } finally {
    await site.remove();
  }
}

async function measureRepairs(node: SiteNode, kubeconfig: string): Promise<readonly number[]> {
  const program = node.start({ k8s_config_file: kubeconfig });
  await until(() => node.rules().length === PREFIXES);
  const times: number[] = [];
  for (let round = 0; round < REPAIR_ROUNDS; round += 1) {
    // At any moment between two looks.
    await sleep(Math.random() * 1_000);
    const place = String(1 + Math.floor(Math.random() * PREFIXES));
    node.nat(4, '-D', 'PREROUTING', place);
    const startedMs = performance.now();
    await until(() => node.rules().length === PREFIXES);
    times.push(performance.now() - startedMs);
  }
  program.child.kill('SIGTERM');
  await program.exited;
  return times;
}

async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`nothing within ${LIMIT_MS} ms`);
    // The API server is in this process.
    await sleep(5);
  }
}

function sleep(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}

function figureOf(times: readonly number[]): Figure {
  return { median: Math.round(median(times)), worst: Math.round(Math.max(...times)) };
}

/** Writing and repairing the rules of starboard. */
export const starboard: Benchmark = {
  name: 'starboard',
  about: 'accept rules for 1,000 pools in iptables: written, and repaired after a foreign edit',
  run: async (say) => {
    await ensureLabNamespace();
    return await run(say);
  },
};
