// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { ManifestKind } from '../manifest/generate.ts';
import { DEFAULT_IMAGE } from '../manifest/names.ts';
import { addSettingFlags, settingFlagsOf } from './flags.ts';
import { fileInputs } from './manager-inputs.ts';

/** `agent manifest`: what to apply to a cluster or to put into a kubelet's folder, on the standard output. */
export function manifestCommand(): Command {
  const pod = manifest('pod', 'pod', 'a Pod for the manifests folder of a kubelet');
  const daemonSet = manifest('daemonset', 'daemonset', 'a DaemonSet').option(
    '--taint [bool]',
    'only on nodes of the control plane, whatever their taints',
  );
  const rbac = manifest('rbac', 'rbac', 'the service account and its rights')
    .option('--role [bool]', 'rights in one namespace only, that of svc_namespace')
    .option('--rolebinding [bool]', 'bind the rights in that namespace only');
  // Alone here: with a value it would take the name of the sub-command for that.
  const command = addOwnFlags(new Command('manifest'), '--inCluster')
    .description('print manifests for the settings given; wrong ones end with code 1 and the reason')
    .addCommand(pod)
    .addCommand(daemonSet)
    .addCommand(rbac);
  return withLateFlags(command);
}

/**
 * Lets a sub-command have the manager's flags once it is known to be the one that was called: all of them for each would take as
 * long as the daemon takes to begin.
 */
export function withLateFlags(parent: Command): Command {
  return parent.hook('preSubcommand', (_, command) => addSettingFlags(command));
}

/** Flags of all manifests; given before the name of a sub-command they count as well. */
function addOwnFlags(command: Command, inCluster = '--inCluster [bool]'): Command {
  return command
    .option('--image <name>', `image to run; without a tag, this version's (${DEFAULT_IMAGE})`)
    .option(
      '--prepare <features>',
      'ready the node for nftables, ipvs or syn-proxy (comma list) by a privileged container that ends before the agent starts',
    )
    .option(inCluster, 'with the service account kube-vip, instead of a kubeconfig of the host');
}

function manifest(name: string, kind: ManifestKind, about: string): Command {
  const command = addOwnFlags(new Command(name)).description(`print ${about}`).allowExcessArguments(false);
  return command.action(() => print(kind, flagsOfAll(command)));
}

/** Writes the manifest; warnings go to the standard error, so that the output can be piped. */
export async function print(kind: ManifestKind, flags: Readonly<Record<string, string>>): Promise<void> {
  // Loaded only now: the daemon needs none of it.
  const { generate } = await import('../manifest/generate.ts');
  const { writeYaml } = await import('@fairlead/shared/kubernetes/write-yaml.ts');
  const { env } = process;
  const { objects, warnings } = generate(kind, { env, flags, ...(await fileInputs(env, flags)) });
  for (const { setting, received, message } of warnings) {
    process.stderr.write(`# ${setting}="${received}": ${message}\n`);
  }
  process.stdout.write(writeYaml(objects));
}

/** Flags given to the command or to those above it. */
export function flagsOfAll(command: Command): Readonly<Record<string, string>> {
  const above = command.parent === null ? {} : flagsOfAll(command.parent);
  return { ...above, ...settingFlagsOf(command) };
}
