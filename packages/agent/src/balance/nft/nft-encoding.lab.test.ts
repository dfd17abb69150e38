// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../system/commands.ts';
import { applyNft, deleteTables } from '../../system/nft.ts';
import { NftRefusedError, NftSocket } from '../../system/nftables/nft-socket.ts';
import type { BalanceModel, Frontend } from '../model/frontend.ts';
import { modelOf } from '../testing/frontends.ts';
import { layOut } from './lay-out.ts';
import { BALANCE_TABLES, changesTo, frameChanges, natTransactions } from './nat-layer.ts';
import { encodeChanges } from './nft-encoding.ts';
import { printChanges } from './nft-text.ts';
import type { Change } from './ruleset.ts';
import { PODS, served, VIP, VIP6 } from './testing/cases.ts';

/** What `nft` says the kernel has; members of maps come in an order that is different each time. */
async function listed(): Promise<unknown> {
  const lists = BALANCE_TABLES.map(async ({ family, name }) => {
    const { stdout } = await runCommand('nft', ['list', 'table', family, name]);
    return stdout.replaceAll(/elements = \{([^}]*)\}/g, (_, members: string) => {
      const sorted = members.split(',').map((each) => each.trim());
      return sorted.sort().join('\n');
    });
  });
  return Promise.all(lists);
}

/** Has `nft` build the tables of a model, whatever was there. */
async function build(model: BalanceModel): Promise<void> {
  await applyNft(printChanges(frameChanges()));
  const { differences } = layOut(modelOf(), model);
  for (const changes of natTransactions(modelOf(), model, differences)) await applyNft(printChanges(changes));
}

/** Takes the definitions of sets out: those are left to `nft`. */
function apart(changes: readonly Change[]): readonly [sets: readonly Change[], others: readonly Change[]] {
  const isSet = (change: Change) => change.do === 'addSet' || change.do === 'deleteSet';
  return [changes.filter(isSet), changes.filter((change) => !isSet(change))];
}

const SCHEDULERS = ['roundRobin', 'weightedRoundRobin', 'sourceHash', 'consistentHash'] as const;
const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

describe('changes that are written to the kernel without nft', () => {
  const socket = new NftSocket();
  const send = async (changes: readonly Change[]) => {
    const batch = encodeChanges(changes);
    if (batch === undefined) throw new Error('these changes cannot be encoded');
    await socket.send(batch);
  };
  afterEach(() => deleteTables(BALANCE_TABLES));
  afterAll(() => socket.close());

  it('are what nft writes', async () => {
    const states = SCHEDULERS.map((scheduler, index): readonly Frontend[] => [
      served(VIP, PODS.slice(index % 2), { scheduler, protocol: PROTOCOLS[index % 3] ?? 'tcp' }),
      served(VIP6, PODS.slice(index % 3), { scheduler, masquerade: index % 2 === 0 }),
      served('172.30.0.210', index % 2 === 0 ? [] : PODS),
    ]);
    let model = modelOf();
    await applyNft(printChanges(frameChanges()));
    for (const state of [...states, []]) {
      const next = layOut(model, modelOf(...state));
      const [sets, others] = apart(changesTo(model, next));
      // New maps before, and those that nobody needs any more after what is in them.
      await applyNft(printChanges(sets.filter((change) => change.do === 'addSet')));
      await send(others);
      await applyNft(printChanges(sets.filter((change) => change.do === 'deleteSet')));
      model = next.model;
      const written = await listed();
      await build(model);
      expect(written).toEqual(await listed());
    }
  });

  it('take effect together or not at all, and a refusal says so', async () => {
    await build(modelOf());
    const before = await listed();
    const next = layOut(modelOf(), modelOf(served(VIP, PODS)));
    const [, withoutMaps] = apart(changesTo(modelOf(), next));
    await expect(send(withoutMaps)).rejects.toMatchObject({ code: 'ENOENT', name: NftRefusedError.name });
    expect(await listed()).toEqual(before);
    // The next one is not taken for the refused one.
    await build(next.model);
    const other = layOut(next.model, modelOf(served(VIP, [2])));
    await send(changesTo(next.model, other));
    const written = await listed();
    await build(other.model);
    expect(written).toEqual(await listed());
  });
});
