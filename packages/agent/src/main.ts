#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { Command } from 'commander';
import { configCommand } from './commands/config.ts';
import { groupCommand } from './commands/group.ts';
import { kubeadmCommand } from './commands/kubeadm.ts';
import { managerCommand } from './commands/manager.ts';
import { manifestCommand } from './commands/manifest.ts';
import { prepareCommand } from './commands/prepare.ts';
import { sampleCommand } from './commands/sample.ts';
import { serviceCommand } from './commands/service.ts';
import { starboardCommand } from './commands/starboard.ts';
import { startCommand } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import { versionCommand } from './commands/version.ts';

const program = new Command('agent')
  .description('Answers for the addresses of LoadBalancer Services, one agent on each node.')
  .addCommand(managerCommand())
  .addCommand(startCommand())
  .addCommand(serviceCommand())
  .addCommand(manifestCommand())
  .addCommand(kubeadmCommand())
  .addCommand(sampleCommand())
  .addCommand(starboardCommand())
  .addCommand(statusCommand())
  .addCommand(configCommand())
  .addCommand(groupCommand())
  .addCommand(prepareCommand())
  .addCommand(versionCommand());

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof SettingsError ? error.message : error);
  process.exitCode = 1;
}
