// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { Command } from 'commander';
import { DEFAULT_IMAGE } from '../manifest/names.ts';
import { flagsOfAll, print, withLateFlags } from './manifest.ts';

const ADMIN_KUBECONFIG = '/etc/kubernetes/admin.conf';

/** `agent kubeadm`: static Pods for the nodes of a control plane that kubeadm sets up. */
export function kubeadmCommand(): Command {
  const init = staticPod('init', 'the first node, before kubeadm init').action(async () => {
    const flags = flagsOfAll(init);
    await print('kubeadm', flags);
    if (flags.k8sConfigPath === undefined && !process.env.k8s_config_file) {
      process.stderr.write(
        '# From Kubernetes 1.29 on, admin.conf may do nothing until kubeadm init is nearly done, and init waits for the ' +
          'address: --k8sConfigPath /etc/kubernetes/super-admin.conf\n',
      );
    }
  });
  const join = staticPod('join', 'one of the other nodes, before kubeadm join --control-plane')
    .option('--config <file>', `the kubeconfig that has to be there (${ADMIN_KUBECONFIG})`)
    .action(async () => {
      const { config = ADMIN_KUBECONFIG, ...flags } = flagsOfAll(join);
      if (!existsSync(config)) {
        const expected = 'a kubeconfig that is there; copy it from the first node, or name it';
        throw new SettingsError([{ setting: '--config', received: config, expected }]);
      }
      await print('kubeadm', flags);
    });
  const command = new Command('kubeadm')
    .description('print the static Pod of a node of the control plane; needs --interface and --address')
    .addCommand(init)
    .addCommand(join);
  return withLateFlags(command);
}

function staticPod(name: string, where: string): Command {
  return new Command(name)
    .description(`print the static Pod for ${where}`)
    .option('--image <name>', `image to run; without a tag, this version's (${DEFAULT_IMAGE})`)
    .allowExcessArguments(false);
}
