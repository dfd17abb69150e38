// SPDX-License-Identifier: Apache-2.0
import { fragileAgent } from '@fairlead/test-lab/cluster/images.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { readProcess } from '@fairlead/test-lab/process/proc.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DeadAgentCluster } from './dead-agent.ts';
import { ENGINES } from './engines.ts';

const STALL_MS = 3_000;
/** The announcing thread lets go after 2 s without a sign of the main thread; it looks every 200 ms, on a busy machine later. */
const LETS_GO_WITHIN_MS = 2_700;

/** An agent that does not run does not answer, neither itself nor its kernel for it, in ARP and in NDP. */
describe.each(ENGINES)('an agent with the %s engine', (engine) => {
  let dead: DeadAgentCluster;
  let owner: string;

  beforeAll(async () => {
    dead = await DeadAgentCluster.start({
      agentEnv: { fairlead_engine: engine },
      images: fragileAgent(STALL_MS, ['--max-old-space-size=80']),
    });
  });

  beforeEach(async () => {
    owner = await dead.observe();
  });

  afterEach(async () => {
    expect(await dead.conclude()).toBe(0);
  });

  afterAll(async () => {
    await dead?.cluster.stop();
  });

  it('is silent when killed; the next start sweeps what it left', async () => {
    let killedMs = 0;
    await dead.withoutKubelet(owner, async () => {
      killedMs = dead.signalAgent(owner, 'SIGKILL');
      await dead.movesFrom(owner);
      await dead.answeredAgain(20);
      expect(dead.claimsOf(owner, killedMs)).toEqual([]);
      // What evaporates by itself would show nothing about sweeping, so the leftovers are made to last.
      await dead.preserveLeftovers(owner);
    });
    await dead.cluster.lab.waitFor(async () => (await dead.cluster.addressesOnLo(owner)).length === 0, {
      what: `the next agent on ${owner} to sweep`,
    });
    await dead.answeredAgain(20);
    expect(dead.claimsOf(owner, killedMs)).toEqual([]);
  });

  it('is silent when stopped, and when it goes on after another node has taken over', async () => {
    const stoppedMs = dead.signalAgent(owner, 'SIGSTOP');
    try {
      await dead.movesFrom(owner);
    } finally {
      dead.signalAgent(owner, 'SIGCONT');
    }
    await dead.answeredAgain(50);
    expect(dead.claimsOf(owner, stoppedMs)).toEqual([]);
  });

  it('is silent when its main thread stands still', async () => {
    const stalledMs = dead.signalAgent(owner, 'SIGUSR2');
    await dead.cluster.lab.waitFor(() => monotonicMs() > stalledMs + STALL_MS, {
      what: 'the end of the stall',
    });
    await dead.answeredAgain(20);
    expect(dead.claimsOf(owner, stalledMs + LETS_GO_WITHIN_MS, stalledMs + STALL_MS)).toEqual([]);
  });

  it('is silent when it runs out of memory', async () => {
    const pids = dead.cluster.agentPids(owner);
    await dead.withoutKubelet(owner, async () => {
      // The runtime gives up by itself here. The kernel's own killer sends SIGKILL, as above.
      dead.signalAgent(owner, 'SIGWINCH');
      await dead.cluster.lab.waitFor(() => pids.every((pid) => (readProcess(pid)?.state ?? 'Z') === 'Z'), {
        what: `the agent on ${owner} to run out of memory`,
      });
      const diedMs = monotonicMs();
      await dead.movesFrom(owner);
      expect(dead.claimsOf(owner, diedMs)).toEqual([]);
    });
  });
});
