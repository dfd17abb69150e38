// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { resourceName } from '@fairlead/shared/kubernetes/resources.ts';
import type { CheckReport } from '@fairlead/shared/runtime/http.ts';
import type { HeldAddress } from '../announce/address-keeper.ts';
import type { EngineHealth } from '../ownership/engine.ts';

/** What the probes look at. */
export interface ProbeSources {
  readonly stuckMs: () => number;
  /** Answering thread: undefined while it works, else why it does not. */
  readonly workerProblem: () => string | undefined;
  readonly held: () => ReadonlyMap<string, HeldAddress>;
  readonly engine: () => EngineHealth;
  readonly reflectors: readonly Reflector<KubeObject>[];
}

/** A pass that takes longer than all its time limits together will never end. */
const STUCK_LIMIT_MS = 30_000;
/** A copy older than this is not one to act on; the reflector itself gives up on a silent watch after 4 to 20 s. */
const FRESH_LIMIT_MS = 30_000;

/**
 * Could a restart help? Never because of the API server: an agent that restarts gives up addresses that it could keep
 * answering for.
 */
export function healthReport({ stuckMs, workerProblem }: ProbeSources): CheckReport {
  const stuck = stuckMs();
  const problem = workerProblem();
  return [
    { name: 'main loop', ok: stuck < STUCK_LIMIT_MS, detail: `pass under way for ${Math.round(stuck)} ms` },
    {
      name: 'answering thread',
      ok: problem === undefined,
      ...(problem === undefined ? {} : { detail: problem }),
    },
  ];
}

/** Would this node do its part now? */
export function readyReport(sources: ProbeSources): CheckReport {
  const mute = [...sources.held().values()].filter(({ answering }) => !answering);
  const { ok, detail } = sources.engine();
  return [
    ...healthReport(sources),
    ...sources.reflectors.map((reflector) => ({
      name: `watch of ${resourceName(reflector.resource)}`,
      ok: reflector.isSynced && reflector.freshnessMs() < FRESH_LIMIT_MS,
      detail: reflector.isSynced ? `${Math.round(reflector.freshnessMs())} ms old` : 'no list yet',
    })),
    { name: 'ownership', ok, detail },
    {
      name: 'addresses',
      ok: mute.length === 0,
      detail: mute.map(({ address, problem }) => `${address}: ${problem ?? 'coming up'}`).join('; '),
    },
  ];
}
