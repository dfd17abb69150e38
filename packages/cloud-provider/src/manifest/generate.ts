// SPDX-License-Identifier: Apache-2.0
import { imageWithTag } from '@fairlead/shared/kubernetes/image-name.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { type SettingProblem, SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { type CommandSettings, readSettings } from '../commands/settings.ts';
import { deploymentOf } from './deployment.ts';
import { rbacOf } from './rbac.ts';

/** What one command line asks for. */
export interface ManifestRequest {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags of the daemon that were given, by long name. */
  readonly flags: Readonly<Record<string, string>>;
  /** `--image`; undefined: ours, of this version. */
  readonly image: string | undefined;
  /** `--replicas`; undefined: one. */
  readonly replicas: string | undefined;
  readonly version: string;
}

const IMAGE = 'fairlead/cloud-provider';

/** Variables of the daemon; what is said by them goes into the Deployment under the same names. */
const VARIABLES: readonly string[] = [
  'KUBEVIP_NAMESPACE',
  'KUBEVIP_CONFIG_MAP',
  'PLNDR_NAMESPACE',
  'PLNDR_CONFIG_MAP',
  'KUBEVIP_ENABLE_LOADBALANCERCLASS',
  'KUBEVIP_CUSTOM_LOADBALANCERCLASS_NAME',
  'FAIRLEAD_WRITE_SERVICE_CONFIGMAPS',
  'FAIRLEAD_RELEASE_REST',
];

/** Flags that lead out of a cluster, where no manifest of ours leads. */
const OUTSIDE = ['kubeconfig', 'master', 'OutSideCluster'];

/**
 * The service account, its rights, and the Deployment. Pure.
 *
 * @throws SettingsError with everything that the daemon could not be started with, and what makes no sense in a cluster.
 */
export function generate(request: ManifestRequest): readonly KubeObject[] {
  const { env, flags, version } = request;
  const problems: SettingProblem[] = [];
  const image = imageOf(request.image ?? IMAGE, version, problems);
  const replicas = replicasOf(request.replicas, problems);
  for (const flag of OUTSIDE) {
    const received = flags[flag];
    if (received !== undefined) {
      problems.push({ setting: `--${flag}`, received, expected: 'nothing: a Pod has its service account' });
    }
  }
  const settings = readAsDaemon(request, problems);
  if (settings === undefined || problems.length > 0) throw new SettingsError(problems);
  const variables = VARIABLES.flatMap((name) => {
    const value = env[name]?.trim();
    return value ? [{ name, value }] : [];
  });
  return [...rbacOf(settings), deploymentOf({ settings, flags, variables, image, replicas })];
}

function readAsDaemon(
  { env, flags }: ManifestRequest,
  problems: SettingProblem[],
): CommandSettings | undefined {
  try {
    return readSettings({ env, flags });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function imageOf(text: string, version: string, problems: SettingProblem[]): string {
  const image = imageWithTag(text, version);
  if (image.ok) return image.value;
  problems.push({ setting: '--image', received: text, expected: image.problem });
  return '';
}

function replicasOf(text: string | undefined, problems: SettingProblem[]): number {
  const replicas = /^[1-9]$/.test(text ?? '1') ? Number(text ?? 1) : undefined;
  if (replicas === undefined) {
    problems.push({ setting: '--replicas', received: text ?? '', expected: 'a whole number from 1 to 9' });
  }
  return replicas ?? 1;
}
