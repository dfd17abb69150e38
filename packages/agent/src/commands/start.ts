// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { Command } from 'commander';

/** `agent start`: a host outside a cluster, with kube-vip 0.1's file, flags and environment. */
export function startCommand(): Command {
  const command = new Command('start')
    .description(
      'keep an address on one of several hosts outside a cluster, and balance connections to it; ' +
        'what the environment says (vip_*, lb_*) wins over flags, and flags over the file',
    )
    .option('-c, --config <file>', 'the configuration: YAML, as `agent sample config` prints it')
    .option('-d, --disableVIP [bool]', 'only balance, on the addresses that the hosts have')
    .option('--interface <link>', 'link to answer on (the one with the default route)')
    .option('--vip <address>', 'the address that moves between the hosts, or several with commas')
    .option('--singleNode [bool]', 'there is only this host')
    .option('--startAsLeader [bool]', 'no effect: the hosts elect their leader')
    .option('--arp [bool]', 'no effect: addresses are always announced')
    .option('--localPeer <id:address:port>', 'this host')
    .option('--remotePeers <list>', 'the other hosts, each as id:address:port, with commas')
    .option('--addPeersToLB [bool]', 'the hosts are back ends, too')
    .option('--lbName <name>', 'name of the first load balancer')
    .option('--lbType <type>', 'tcp, udp, http or https')
    .option('--lbPort <port>', 'port that clients connect to (8080)')
    .option('--lbBindToVip [bool]', 'listen on the address alone, instead of on all of the host')
    .option('--lbBackEndPort <port>', 'port of back ends that name none (6443)')
    .option('--lbBackends <list>', 'back ends as address:port, with commas')
    .option('--leaderElection [bool]', 'elections through an API server: use agent manager')
    .allowExcessArguments(false);
  return command.action(async () => {
    const { config: file, ...flags } = flagsOf(command);
    const { readConfig } = await import('../standalone/config/read-config.ts');
    const config = readConfig({
      text: file === undefined ? undefined : textOf(file),
      env: process.env,
      flags,
      hostName: hostname(),
      readFile,
    });
    const { runStart } = await import('../standalone/run-start.ts');
    process.exitCode = await runStart(config);
  });
}

function textOf(path: string): string {
  const text = readFile(path);
  if (text.ok) return text.value;
  throw new SettingsError([{ setting: '--config', received: path, expected: text.problem }]);
}

function readFile(path: string): Parsed<string> {
  try {
    return parsed(readFileSync(path, 'utf8'));
  } catch (error) {
    return unparsable(`a file that can be read (${error instanceof Error ? error.message : String(error)})`);
  }
}
