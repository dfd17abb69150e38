// SPDX-License-Identifier: Apache-2.0
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { restoreForeignRules } from '@fairlead/test-lab/verbs/foreign-rules.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DeadAgentCluster } from './dead-agent.ts';
import { ENGINES } from './engines.ts';

const FOREIGN_RULES = 40_000;

/** What others do to the packet filter of a node neither silences the owner of an address nor gives it a second voice. */
describe.each(ENGINES)('the owner of an address with the %s engine', (engine) => {
  let dead: DeadAgentCluster;
  let owner: string;

  beforeAll(async () => {
    dead = await DeadAgentCluster.start({ agentEnv: { fairlead_engine: engine } });
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

  const guards = async (): Promise<readonly string[]> => {
    const { stdout } = await dead.cluster.lab.exec(owner, ['nft', 'list', 'tables']);
    return stdout.split('\n').filter((line) => line.endsWith(' fairlead_guard'));
  };

  const staysHere = async (sinceMs: number): Promise<void> => {
    await dead.answeredAgain(20);
    for (const address of dead.addresses) {
      const { zeroOwners, changes } = dead.observer.judge({ address, sinceMs });
      expect(zeroOwners).toEqual([]);
      expect(changes).toHaveLength(1);
    }
  };

  it('answers on after a flush of all rules; once the guard is back, a stopped agent is silent', async () => {
    const flushedMs = monotonicMs();
    await dead.cluster.lab.exec(owner, ['nft', 'flush', 'ruleset']);
    await dead.cluster.lab.waitFor(async () => (await guards()).length === 3, {
      what: `the guard on ${owner} to be back`,
    });
    await staysHere(flushedMs);
    const stoppedMs = dead.signalAgent(owner, 'SIGSTOP');
    try {
      await dead.movesFrom(owner);
    } finally {
      dead.signalAgent(owner, 'SIGCONT');
    }
    expect(dead.claimsOf(owner, stoppedMs)).toEqual([]);
  });

  it(`answers on while somebody restores ${FOREIGN_RULES} rules`, async () => {
    const startedMs = monotonicMs();
    await restoreForeignRules((argv, options) => dead.cluster.lab.exec(owner, argv, options), FOREIGN_RULES);
    await staysHere(startedMs);
  });
});
