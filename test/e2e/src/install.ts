// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DaemonSet } from '@fairlead/shared/kubernetes/objects.ts';
import { DAEMON_SETS, DEPLOYMENTS } from '@fairlead/shared/kubernetes/resources.ts';
import type { Stage } from './stage.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Manifests as a user finds them in the repository, by their path from its top. */
export const MANIFESTS = {
  cloudProvider: 'deploy/cloud-provider.yaml',
  agent: 'deploy/agent.yaml',
  cloudProviderServiceConfigMaps: 'deploy/cloud-provider-service-configmaps.yaml',
  namespaceService: 'deploy/namespace-service.yaml',
  echoApp: 'deploy/kind/echo-app.yaml',
  caseStudyAgent: 'test/e2e/manifests/kube-vip.yaml',
} as const;

/** What the demo adds to the agent's environment: the peer's documented timings, and our balancer. */
const FAST_LEASE = {
  vip_leaseduration: '5',
  vip_renewdeadline: '3',
  vip_retryperiod: '1',
  fairlead_balance: 'nftables',
} as const;

/** `kubectl apply -f` of a file of the repository, shown with its short path. */
export async function applyManifest(stage: Stage, path: string): Promise<void> {
  stage.narrator.command(`kubectl apply -f ${path}`);
  const result = await stage.lab.kubectl(['apply', '-f', `${root}${path}`]);
  stage.narrator.answer(result.stdout + result.stderr);
  if (result.code !== 0) throw new Error(`kubectl apply -f ${path} ended with ${result.code}`);
}

/** What {@link installFairlead} installs. */
export interface InstallOptions {
  /** Added to the environment of our DaemonSet, after the timings of {@link FAST_LEASE}. */
  readonly agentEnv?: Readonly<Record<string, string>> | undefined;
  /** Another manifest with a DaemonSet of the same name, applied as it is. */
  readonly agentManifest?: string | undefined;
  /** False: the agents find no key, and Leases decide. Default true. */
  readonly groupKey?: boolean | undefined;
}

/** Do all nodes run the DaemonSet as it is now, ready? As `kubectl rollout status` judges. */
export function isRolledOut({ metadata, status }: DaemonSet): boolean {
  const wanted = status?.desiredNumberScheduled ?? 0;
  return (
    wanted > 0 &&
    (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
    status?.updatedNumberScheduled === wanted &&
    status?.numberReady === wanted
  );
}

/** The Secret that all agents share, as the comment in our manifest says. */
export async function createGroupKey(stage: Stage): Promise<void> {
  const key = randomBytes(32).toString('hex');
  const args = ['create', 'secret', 'generic', 'fairlead-group', '-n', 'kube-system'];
  await stage.kubectl([...args, `--from-literal=key=${key}`]);
}

/** Applies the two programs and waits until both are ready on every node they belong to. */
export async function installFairlead(
  stage: Stage,
  { agentEnv, agentManifest, groupKey = true }: InstallOptions = {},
): Promise<void> {
  const namespace = 'kube-system';
  if (groupKey) await createGroupKey(stage);
  await applyManifest(stage, MANIFESTS.cloudProvider);
  if (agentManifest === undefined) {
    await applyManifest(stage, MANIFESTS.agent);
    const env = Object.entries({ ...FAST_LEASE, ...agentEnv }).map(([name, value]) => `${name}=${value}`);
    await stage.kubectl(['set', 'env', '-n', namespace, 'daemonset/kube-vip-ds', ...env]);
  } else await applyManifest(stage, agentManifest);
  await stage.narrator.waiting(
    'waiting for the cloud provider and the agents',
    Promise.all([
      stage.until(
        DEPLOYMENTS,
        { namespace, name: 'kube-vip-cloud-provider' },
        ({ status }) => (status?.readyReplicas ?? 0) > 0,
        60_000,
      ),
      stage.until(DAEMON_SETS, { namespace, name: 'kube-vip-ds' }, isRolledOut, 60_000),
    ]),
  );
  await stage.kubectl(['get', 'pods', '-n', namespace, '-o', 'wide']);
}
