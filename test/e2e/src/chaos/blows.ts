// SPDX-License-Identifier: Apache-2.0
import { PODS, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { CONTROL_PLANE, HOST_INTERFACE } from '@fairlead/test-lab/network/plan.ts';
import { signalProcess } from '@fairlead/test-lab/process/proc.ts';
import { restoreForeignRules } from '@fairlead/test-lab/verbs/foreign-rules.ts';
import type { Blow, FaultKind } from './plan.ts';
import type { ChaosWorld } from './world.ts';

/** What a blow acts on. */
export interface Target {
  readonly world: ChaosWorld;
  /** The node it is for; any node for a blow without a role. */
  readonly node: string;
  readonly service: string;
}

/** Undoes a blow. */
export type Undo = () => Promise<unknown>;

type Strike = (target: Target) => Promise<Undo | undefined>;

const FOREIGN_RULES = 40_000;
const NAMESPACE = 'default';
/** The two programs under test, for faults of the embedded API server: those who judge must see clearly. */
const OURS = [
  'system:serviceaccount:kube-system:kube-vip',
  'system:serviceaccount:kube-system:kube-vip-cloud-controller',
];

/** Strikes; what undoes it, if anything has to be undone. */
export async function strike(
  world: ChaosWorld,
  blow: Blow,
): Promise<{ readonly node: string; readonly undo: Undo }> {
  const role = blow.role ?? 'owner';
  const node = await world.nodeOf(role, blow.service);
  const undo = await STRIKES[blow.kind]({ world, node, service: world.nameOf(blow.service) });
  return { node, undo: undo ?? (() => Promise.resolve()) };
}

const signalAgent = ({ world, node }: Target, signal: NodeJS.Signals): void => {
  for (const pid of world.cluster.agentPids(node)) signalProcess(pid, signal);
};

const agentSignal =
  (signal: NodeJS.Signals): Strike =>
  (target) => {
    signalAgent(target, signal);
    return Promise.resolve(undefined);
  };

/** The kubelet that would restart what is killed is stopped as long as the blow lasts. */
const withoutKubelet =
  (signal: NodeJS.Signals): Strike =>
  (target) => {
    const kubelet = target.world.cluster.kubeletPids(target.node);
    for (const pid of kubelet) signalProcess(pid, 'SIGSTOP');
    signalAgent(target, signal);
    return Promise.resolve(() => {
      for (const pid of kubelet) signalProcess(pid, 'SIGCONT');
      return Promise.resolve();
    });
  };

/** The node hears none of the other agents, nor they it. */
const separation =
  (api: 'for all' | 'for the others' | 'for the node'): Strike =>
  async ({ world, node }) => {
    const others = world.nodes.filter((name) => name !== node);
    const one = api === 'for the node' ? [node, CONTROL_PLANE] : [node];
    const other = api === 'for the others' ? [...others, CONTROL_PLANE] : others;
    await world.cluster.lab.separate(one, other);
    return () => world.cluster.lab.reunite();
  };

const STRIKES: Readonly<Record<FaultKind, Strike>> = {
  agentKilled: agentSignal('SIGKILL'),
  agentKilledForLong: withoutKubelet('SIGKILL'),
  allAgentsKilled: ({ world, service }) => {
    for (const node of world.nodes) signalAgent({ world, node, service }, 'SIGKILL');
    return Promise.resolve(undefined);
  },
  agentStopped: (target) => {
    const pids = target.world.cluster.agentPids(target.node);
    for (const pid of pids) signalProcess(pid, 'SIGSTOP');
    return Promise.resolve(() => {
      for (const pid of pids) signalProcess(pid, 'SIGCONT');
      return Promise.resolve();
    });
  },
  agentOutOfMemory: withoutKubelet('SIGWINCH'),
  mainThreadStalled: agentSignal('SIGUSR2'),
  agentEnded: agentSignal('SIGTERM'),
  rollingRestart: async ({ world }) => {
    await kubectl(world, 'rollout', 'restart', 'daemonset/kube-vip-ds', '-n', 'kube-system');
    await world.cluster.agentsReady();
    return undefined;
  },
  nodeFrozen: async ({ world, node }) => {
    await world.cluster.lab.freeze(node);
    return () => world.cluster.lab.thaw(node);
  },
  nodePoweredOff: async ({ world, node }) => {
    await world.cluster.lab.kill(node);
    return () => world.cluster.lab.reboot(node);
  },
  unplugged: async ({ world, node }) => {
    await world.cluster.lab.unplug(node);
    return () => world.cluster.lab.plug(node);
  },
  silentDrop: partition('both'),
  deaf: partition('in'),
  mute: partition('out'),
  separated: separation('for all'),
  separatedFromApi: separation('for the others'),
  separatedWithApi: separation('for the node'),
  apiUnreachable: async ({ world }) => {
    await world.cluster.lab.partition(CONTROL_PLANE);
    return () => world.cluster.lab.heal(CONTROL_PLANE);
  },
  apiRefuses: async ({ world }) => {
    await world.cluster.lab.faults.setRules([{ select: { users: OURS }, drop: true }]);
    return () => world.cluster.lab.faults.clear();
  },
  apiSlow: async ({ world }) => {
    await world.cluster.lab.faults.setRules([{ select: { users: OURS }, latencyMs: 800, jitterMs: 800 }]);
    return () => world.cluster.lab.faults.clear();
  },
  apiErrors: async ({ world }) => {
    const select = { users: OURS };
    await world.cluster.lab.faults.setRules([
      { select, rate: 0.3, status: 500 },
      { select, rate: 0.3, status: 503, when: 'after' },
      { select, rate: 0.2, status: 409 },
    ]);
    return () => world.cluster.lab.faults.clear();
  },
  apiWatchesStalled: async ({ world }) => {
    await world.cluster.lab.faults.stallWatches();
    return () => world.cluster.lab.faults.releaseWatches('cut');
  },
  apiHistoryLost: async ({ world }) => {
    await world.cluster.lab.faults.compact();
    await world.cluster.lab.faults.cutWatches();
    return undefined;
  },
  rulesFlushed: async ({ world, node }) => {
    await world.cluster.lab.exec(node, ['nft', 'flush', 'ruleset']);
    return undefined;
  },
  rulesRestored: async ({ world, node }) => {
    await restoreForeignRules((argv, options) => world.cluster.lab.exec(node, argv, options), FOREIGN_RULES);
    // Else every packet of the following faults would have to pass them.
    return () => world.cluster.lab.exec(node, ['iptables-legacy', '-F']);
  },
  addressDeleted: async ({ world, node, service }) => {
    const found = (await world.services()).find(({ name }) => name === service);
    for (const address of found?.addresses ?? []) {
      await world.cluster.lab.exec(node, ['ip', 'address', 'del', hostRoute(address), 'dev', 'lo']);
    }
    return undefined;
  },
  foreignClaim: async ({ world, service }) => {
    const found = (await world.services()).find(({ name }) => name === service);
    const address = (verb: 'add' | 'del') =>
      (found?.addresses ?? []).map((each) => [
        ...['ip', 'address', verb, hostRoute(each), 'dev', HOST_INTERFACE],
        ...(verb === 'add' && each.includes(':') ? ['nodad'] : []),
      ]);
    for (const argv of address('add')) await world.cluster.lab.exec(world.stranger, argv);
    return async () => {
      for (const argv of address('del')) await world.cluster.lab.exec(world.stranger, argv);
    };
  },
  recordsDeleted: async ({ world }) => {
    for (const { namespace, name } of await world.records()) {
      await kubectl(world, 'delete', 'lease', name, '-n', namespace, '--ignore-not-found', '--wait=false');
    }
    return undefined;
  },
  serviceEdited: async ({ world, service }) => {
    const ref = { namespace: NAMESPACE, name: service };
    const found = await world.cluster.client.get(SERVICES, ref);
    const hasTwo = (found.spec?.ports ?? []).length > 1;
    const port = (name: string, number: number) => ({ name, port: number, targetPort: 80, protocol: 'TCP' });
    const ports = hasTwo ? [port('http', 80)] : [port('http', 80), port('more', 8080)];
    await kubectl(
      world,
      'patch',
      'service',
      service,
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { ports } }),
    );
    return undefined;
  },
  serviceReplaced: async ({ world, service }) => {
    await world.cluster.remove(service);
    await world.expose(service);
    return undefined;
  },
  podKilled: async ({ world }) => {
    const name = await somePod(world);
    if (name !== undefined) await world.cluster.lab.killPod({ name });
    return undefined;
  },
  podDeleted: async ({ world }) => {
    const name = await somePod(world);
    if (name !== undefined) await kubectl(world, 'delete', 'pod', name, '--wait=false');
    return undefined;
  },
};

function partition(direction: 'both' | 'in' | 'out'): Strike {
  return async ({ world, node }) => {
    await world.cluster.lab.partition(node, direction);
    return () => world.cluster.lab.heal(node);
  };
}

/** First pod, by name, of the echo application that is ready; undefined when none is. */
async function somePod(world: ChaosWorld): Promise<string | undefined> {
  const { items } = await world.cluster.client.list(PODS, {
    namespace: NAMESPACE,
    labelSelector: 'app=echo-app',
  });
  const ready = items.filter(
    ({ metadata, status }) =>
      metadata?.deletionTimestamp === undefined &&
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  return ready.flatMap(({ metadata }) => metadata?.name ?? []).sort()[0];
}

async function kubectl(world: ChaosWorld, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await world.cluster.lab.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
}

function hostRoute(address: string): string {
  return address.includes(':') ? `${address}/128` : `${address}/32`;
}
