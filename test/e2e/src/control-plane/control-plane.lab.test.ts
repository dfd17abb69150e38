// SPDX-License-Identifier: Apache-2.0
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';
import { EVENTS } from '@fairlead/shared/kubernetes/resources.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADDRESS, MEMBERS, Trio } from './trio.ts';

/** The address of the control plane alone, as static Pods bring it up. */
describe('a control plane of three nodes', () => {
  let trio: Trio;
  let observer: NeighborObserver;
  let owner: string;

  beforeAll(async () => {
    trio = await Trio.start();
  });

  beforeEach(async () => {
    owner = await trio.settled();
    observer = await trio.lab.observeNeighbors({ addresses: [ADDRESS] });
  });

  afterEach(async () => {
    await observer.stop();
    expect(observer.judge({ address: ADDRESS }).longestTwoOwnersMs).toBe(0);
  });

  afterAll(async () => {
    await trio.stop();
  });

  /** Waits until another host answers for the address; its name. */
  async function nextOwner(): Promise<string> {
    return await trio.lab.waitFor(
      () => {
        const seen = trio.ownerSeenBy(observer);
        return seen === undefined || seen === owner ? undefined : seen;
      },
      { what: `another node than ${owner} to answer for ${ADDRESS}`, timeoutMs: 30_000 },
    );
  }

  const heldBy = async (node: string) =>
    (await trio.client.list(EVENTS, { namespace: 'default' })).items.flatMap(
      ({ involvedObject, reason, message }) =>
        involvedObject?.kind === 'Node' && involvedObject.name === node && reason === REASON.addressHeld
          ? (message ?? '')
          : [],
    );

  it('is found at its address by kubectl, though the agents had to wait for their API servers', async () => {
    const { code, stdout, stderr } = await trio.kubectl(['get', 'nodes', '-o', 'name']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('node/worker1');
  });

  it('goes on at the next node, whichever is cut off', async () => {
    const cut = new Set<string>();
    for (const member of MEMBERS) {
      owner = await trio.settled();
      // Its turn has come when it has the address; the others take it meanwhile.
      await trio.lab.partition(member);
      try {
        await trio.serves();
        if (member === owner) {
          expect(MEMBERS).toContain(await nextOwner());
          cut.add(member);
        }
      } finally {
        await trio.lab.heal(member);
      }
    }
    expect(cut.size).toBeGreaterThan(0);
  });

  it('leaves a node whose API server has ended, and may come back when it works again', async () => {
    await trio.stopApiServer(owner);
    const next = await nextOwner();
    await trio.serves();
    expect(MEMBERS).toContain(next);
    // There is no Service to tell it of.
    await trio.lab.waitFor(async () => (await heldBy(next)).some((message) => message.includes(ADDRESS)), {
      what: `an Event on node ${next} that it answers for ${ADDRESS}`,
      timeoutMs: 20_000,
    });
    await trio.lab.startApiServer(owner);
  });
});
