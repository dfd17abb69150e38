// SPDX-License-Identifier: Apache-2.0
import type { Cluster } from '@fairlead/test-e2e/fixture.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import type { Lab } from '@fairlead/test-lab/lab.ts';

/** One way to lose a node (or what answers there), and how that is undone. */
export interface Disturbance {
  /** Resolves with the monotonic time just before its first effect. */
  begin(node: string): Promise<number>;
  end(node: string): Promise<void>;
}

/** The ways in which a node is lost without a word. */
export const LOSSES = ['unplug', 'silentDrop', 'kill', 'freeze'] as const;

/** One of {@link LOSSES}. */
export type Loss = (typeof LOSSES)[number];

/** The cable is pulled: both ends see the carrier go. */
export function unplug(lab: Lab): Disturbance {
  return {
    begin: async (node) => (await lab.unplug(node)).startedMs,
    end: async (node) => void (await lab.plug(node)),
  };
}

/** The switch drops all frames of the node, which sees nothing of it. */
export function silentDrop(lab: Lab): Disturbance {
  return {
    begin: async (node) => (await lab.partition(node)).startedMs,
    end: async (node) => void (await lab.heal(node)),
  };
}

/** What happens to the agent of a node, by kind; it leaves on `lo` what it had there. */
export function disturbancesOf(cluster: Cluster): Readonly<Record<Loss | 'drain', Disturbance>> {
  const { lab } = cluster;
  const signal = (node: string, name: NodeJS.Signals): number => {
    const pids = cluster.agentPids(node);
    if (pids.length === 0) throw new Error(`no agent runs on ${node}`);
    const startedMs = monotonicMs();
    for (const pid of pids) process.kill(pid, name);
    return startedMs;
  };
  /** The kubelet starts it again. */
  const restarted = async () => undefined;
  const frozen = new Map<string, readonly number[]>();
  return {
    unplug: unplug(lab),
    silentDrop: silentDrop(lab),
    kill: { begin: async (node) => signal(node, 'SIGKILL'), end: restarted },
    freeze: {
      async begin(node) {
        frozen.set(node, cluster.agentPids(node));
        return signal(node, 'SIGSTOP');
      },
      async end(node) {
        for (const pid of frozen.get(node) ?? []) process.kill(pid, 'SIGCONT');
        frozen.delete(node);
      },
    },
    drain: { begin: async (node) => signal(node, 'SIGTERM'), end: restarted },
  };
}
