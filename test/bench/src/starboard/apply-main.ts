// SPDX-License-Identifier: Apache-2.0
/**
 * Runs inside a node: from the data of a ConfigMap with 1,000 pools to rules in the kernel and back, a number of times. Prints the times in
 * milliseconds as one JSON list. Arguments: back end, rounds.
 */

import { nodeChains, sweepChains } from '@fairlead/agent/starboard/chains.ts';
import { planChange, restoreLines } from '@fairlead/agent/starboard/plan.ts';
import { poolRules } from '@fairlead/agent/starboard/pool-rules.ts';
import { FAMILIES } from '@fairlead/shared/address/address.ts';
import { manyPools } from './pools.ts';

const [backendWord, roundsWord] = process.argv.slice(2);
const backend = backendWord === 'legacy' ? 'legacy' : 'nft';
const times: number[] = [];
for (let round = 0; round < Number(roundsWord); round += 1) {
  const startedMs = performance.now();
  const { rules } = poolRules(manyPools());
  for (const family of FAMILIES) {
    const plan = planChange(
      await nodeChains.list(backend, family),
      rules.filter((rule) => rule.family === family),
    );
    if (plan !== undefined) await nodeChains.change(backend, family, restoreLines(plan));
  }
  times.push(performance.now() - startedMs);
  const swept = await sweepChains(nodeChains, backend);
  if (swept !== rules.length) throw new Error(`${swept} of ${rules.length} rules were there`);
}
console.log(JSON.stringify(times));
