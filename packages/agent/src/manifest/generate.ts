// SPDX-License-Identifier: Apache-2.0
import { imageWithTag } from '@fairlead/shared/kubernetes/image-name.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { parseBool } from '@fairlead/shared/runtime/parse-values.ts';
import { type SettingProblem, SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { FEATURES } from '../commands/prepare-run.ts';
import { SETTINGS } from '../config/names.ts';
import { type AgentSettings, readSettings, settingsReader } from '../config/settings.ts';
import type { SettingWarning } from '../config/warnings.ts';
import { VERSION } from '../version.ts';
import { DEFAULT_IMAGE, DEFAULT_NAMESPACE } from './names.ts';
import { type RbacRequest, rbacManifests } from './rbac.ts';
import { Said, type Sources } from './said.ts';
import { daemonSetManifest, podManifest } from './workloads.ts';

/** What is generated: objects for the standard output, and what is to be told beside it. */
export interface Generated {
  readonly objects: readonly KubeObject[];
  readonly warnings: readonly SettingWarning[];
}

/** The kinds of manifests. `kubeadm` is a Pod that needs a link and an address, as the peer's does. */
export type ManifestKind = 'pod' | 'daemonset' | 'rbac' | 'kubeadm';

/** Flags of the generator itself; all others are the manager's. */
const OWN_FLAGS = ['image', 'inCluster', 'prepare', 'taint', 'role', 'rolebinding'] as const;

/**
 * Generates what one command line asks for. Pure.
 *
 * @throws SettingsError with everything that is wrong, so that nothing of it is found out by an agent in a cluster.
 */
export function generate(kind: ManifestKind, sources: Sources): Generated {
  const problems: SettingProblem[] = [];
  const { flags = {} } = sources;
  const own = readOwnFlags(flags, problems);
  const said = new Said(sources);
  const namespace = said.nonEmpty('svc_namespace') ?? DEFAULT_NAMESPACE;
  if (kind === 'rbac') {
    problems.push(...rbacProblems(sources));
    refuse(problems);
    const request = rbacRequest(own, said, namespace);
    return { objects: rbacManifests(request), warnings: scopeWarnings(request, said) };
  }
  if (kind === 'kubeadm') requireLinkAndAddress(said, problems);
  const settings = readAsAgent(sources, own.inCluster ? namespace : undefined, problems);
  if (settings === undefined || problems.length > 0) throw new SettingsError(problems);
  const { image, inCluster, prepare } = own;
  const request = { said, settings, image, inCluster, prepare };
  const object =
    kind === 'daemonset' ? daemonSetManifest(request, namespace, own.taint) : podManifest(request, namespace);
  return { objects: [object], warnings: [...settings.warnings, ...nodeNameWarnings(said)] };
}

interface OwnFlags {
  readonly image: string;
  readonly inCluster: boolean;
  readonly prepare: readonly string[];
  readonly taint: boolean;
  readonly role: boolean;
  readonly rolebinding: boolean;
}

function readOwnFlags(flags: Readonly<Record<string, string>>, problems: SettingProblem[]): OwnFlags {
  const truth = (name: (typeof OWN_FLAGS)[number]): boolean => {
    const text = flags[name];
    if (text === undefined) return false;
    const read = parseBool(text);
    if (read.ok) return read.value;
    problems.push({ setting: `--${name}`, received: text, expected: read.problem });
    return false;
  };
  const image = imageWithTag(flags.image ?? DEFAULT_IMAGE, VERSION);
  if (!image.ok) {
    problems.push({ setting: '--image', received: flags.image ?? '', expected: image.problem });
  }
  return {
    image: image.ok ? image.value : '',
    inCluster: truth('inCluster'),
    prepare: featuresIn(flags.prepare, problems),
    taint: truth('taint'),
    role: truth('role'),
    rolebinding: truth('rolebinding'),
  };
}

/** What a node can be readied for; names are those of `agent prepare`. */
function featuresIn(text: string | undefined, problems: SettingProblem[]): readonly string[] {
  const features = [...new Set((text ?? '').split(',').flatMap((name) => name.trim() || []))];
  if (text !== undefined && (features.length === 0 || features.some((name) => !FEATURES.includes(name)))) {
    problems.push({
      setting: '--prepare',
      received: text,
      expected: `a comma list of ${FEATURES.join(', ')}`,
    });
  }
  return features;
}

function rbacRequest({ role, rolebinding }: OwnFlags, said: Said, namespace: string): RbacRequest {
  const unbound = rolebinding ? 'bound' : 'cluster';
  return {
    namespace,
    scope: role ? 'namespace' : unbound,
    labelsNodes: said.isOn('enable_node_labeling'),
    groupKeySecret: said.nonEmpty('fairlead_group_key_secret') ?? 'fairlead-group',
  };
}

/** Of the manager's settings, only those that rights depend on: all others are for the manifests that run something. */
function rbacProblems(sources: Sources): readonly SettingProblem[] {
  const reader = settingsReader({ ...sources, hostName: '' });
  reader.value(SETTINGS.servicesNamespace);
  reader.value(SETTINGS.groupKeySecret);
  reader.value(SETTINGS.nodeLabels);
  return reader.problems;
}

/** Rights in one namespace are too few for agents that serve all. */
function scopeWarnings({ scope, namespace }: RbacRequest, said: Said): readonly SettingWarning[] {
  if (scope === 'cluster' || said.nonEmpty('svc_namespace') !== undefined) return [];
  const message = `the rights end at the namespace ${namespace}, and agents serve all; set svc_namespace for both manifests`;
  return [{ setting: scope === 'bound' ? '--rolebinding' : '--role', received: 'true', message }];
}

function requireLinkAndAddress(said: Said, problems: SettingProblem[]): void {
  if (said.nonEmpty('vip_interface') === undefined) {
    problems.push({ setting: '--interface', received: '', expected: 'a link of the node, such as eth0' });
  }
  if ((said.nonEmpty('address') ?? said.nonEmpty('vip_address')) === undefined) {
    const expected = 'the address of the control plane, such as 192.0.2.10, or a DNS name';
    problems.push({ setting: '--address', received: '', expected });
  }
}

/** Reads the settings as the agent in the Pod will; what is wrong goes to `problems`. */
function readAsAgent(
  { flags = {}, ...sources }: Sources,
  tokenNamespace: string | undefined,
  problems: SettingProblem[],
): AgentSettings | undefined {
  const managers = Object.entries(flags).filter(([name]) => !OWN_FLAGS.some((own) => own === name));
  try {
    return readSettings({
      ...sources,
      flags: Object.fromEntries(managers),
      hostName: 'the-node',
      ...(tokenNamespace === undefined ? {} : { tokenNamespace }),
    });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const known = new Set(problems.map(({ setting }) => setting));
    // The address of the control plane may be missed twice, under both its names.
    const isKnown = (name: string) => known.has(name) || (name === 'address' && known.has('--address'));
    problems.push(...error.problems.filter(({ setting }) => !isKnown(setting)));
    return undefined;
  }
}

function nodeNameWarnings(said: Said): readonly SettingWarning[] {
  const received = said.nonEmpty('vip_nodename');
  if (received === undefined) return [];
  const message = 'the manifest takes the name from the node on which the Pod runs; the setting is ignored';
  return [{ setting: 'vip_nodename', received, message }];
}

function refuse(problems: readonly SettingProblem[]): void {
  if (problems.length > 0) throw new SettingsError(problems);
}
