// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import type { RunResult } from '@fairlead/test-lab/process/run.ts';
import { describeNetwork } from './network-description.ts';
import { isExpected, parseTranscript, type Step } from './transcript.ts';

const REPOSITORY = fileURLToPath(new URL('../../../..', import.meta.url));
const FOLDER = join(REPOSITORY, 'test/e2e/case-studies');

/** How long a command that is given again may take to be answered as expected. */
const AGAIN_TIMEOUT_MS = 60_000;
/** The longest single command: a script with an installation and load in it. */
const COMMAND_TIMEOUT_MS = 240_000;

/** Keeps variables, aliases and the folder from one command to the next. Before the command all output becomes one. */
const SHELL = `
exec 2>&1
for own in $CONSOLE_OWN; do mount --bind "$LAB_CONSOLE/own$own" "$own" || exit 125; done
shopt -s expand_aliases
set -a
. "$CONSOLE_STATE"
eval "$CONSOLE_COMMAND"
code=$?
set +a
{ declare -px | grep -v -e ' SHLVL=' -e ' CONSOLE_COMMAND=' -e '^declare -[a-z]*r'; alias -p; printf 'cd %q\\n' "$PWD"; } >"$CONSOLE_STATE"
exit $code`;

/** The lab's network, as if it was Docker's: every address but those that are for Services is a container's. */
function networkOf({ plan: { subnets, bridge, hosts, observer } }: Lab): string {
  return describeNetwork({
    subnets: [
      { subnet: subnets.ipv6, ...(bridge.ipv6 === undefined ? {} : { gateway: bridge.ipv6 }) },
      { subnet: subnets.ipv4, gateway: bridge.ipv4 },
    ],
    containers: [...hosts.map(({ ipv4 }) => ipv4), observer.ipv4],
  });
}

/** Where a {@link Console} stands. */
export interface ConsoleOptions {
  readonly lab: Lab;
  /** Host the commands run on. */
  readonly host: string;
  /** Folders of the machine that commands write to: they get empty ones of their own, with copies of these files in them. */
  readonly own?: Readonly<Record<string, readonly string[]>>;
}

/**
 * A terminal on a host of the lab that follows a transcript of `test/e2e/case-studies`. Programs that a lab does not have
 * (docker, kind, k3s' installer) are stood in for by the scripts of `stand-ins` there; everything else is real.
 */
export class Console {
  readonly #lab: Lab;
  readonly #host: string;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor({ lab, host, own = {} }: ConsoleOptions) {
    this.#lab = lab;
    this.#host = host;
    const folder = join(lab.workDir, `console-${host}`);
    this.#folder = folder;
    // As in a fresh checkout, but so that nothing is written into it.
    const home = join(folder, 'fairlead');
    mkdirSync(home, { recursive: true });
    for (const name of ['deploy', 'docs', 'test']) symlinkSync(join(REPOSITORY, name), join(home, name));
    writeFileSync(join(folder, 'network.json'), networkOf(lab));
    const state = join(folder, 'state');
    writeFileSync(state, `cd ${home}\n`);
    this.#env = {
      HOME: home,
      KUBECONFIG: join(folder, 'kubeconfig'),
      PATH: `${join(FOLDER, 'stand-ins')}:${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      LAB_ADMIN_KUBECONFIG: lab.kubeconfig,
      LAB_AGENT: join(REPOSITORY, 'packages/agent/dist/agent.js'),
      LAB_CLOUD_PROVIDER: join(REPOSITORY, 'packages/cloud-provider/dist/cloud-provider.js'),
      LAB_CONSOLE: folder,
      LAB_MANIFESTS: lab.manifestDir(host),
      CONSOLE_STATE: state,
      CONSOLE_OWN: Object.keys(own).join(' '),
    };
    for (const [path, files] of Object.entries(own)) {
      const copy = join(folder, 'own', path);
      mkdirSync(copy, { recursive: true });
      for (const file of files.filter((each) => existsSync(join(path, each)))) {
        mkdirSync(dirname(join(copy, file)), { recursive: true });
        copyFileSync(join(path, file), join(copy, file));
      }
    }
  }

  /** Where a file of one of the terminal's own folders is for everybody else. */
  fileOf(path: string): string {
    return join(this.#folder, 'own', path);
  }

  /** Follows a transcript; rejects at the first command that fails or is answered otherwise, naming its line. */
  async follow(name: string): Promise<void> {
    for (const step of parseTranscript(readFileSync(join(FOLDER, name), 'utf8'))) {
      await this.#take(name, step);
    }
  }

  /** Runs one command as the transcript's would. */
  run(command: string): Promise<RunResult> {
    const env = { ...this.#env, CONSOLE_COMMAND: command };
    const argv = ['unshare', '--mount', 'bash', '-c', SHELL];
    return this.#lab.exec(this.#host, argv, { env, timeoutMs: COMMAND_TIMEOUT_MS });
  }

  async #take(name: string, step: Step): Promise<void> {
    let last: RunResult | undefined;
    const good = async () => {
      last = await this.run(step.command);
      return last.code === 0 && isExpected(step.answer, last.stdout);
    };
    if (step.again) {
      const what = `the answer of ${name}, line ${step.line}`;
      const details = () => this.#report(name, step, last);
      await this.#lab.waitFor(good, { what, timeoutMs: AGAIN_TIMEOUT_MS, intervalMs: 200, details });
    } else if (!(await good())) throw new Error(this.#report(name, step, last));
  }

  #report(name: string, { line, command, answer }: Step, result: RunResult | undefined): string {
    return [
      `${name}, line ${line}: ${command}`,
      ...(answer === undefined ? [] : ['expected:', ...answer.map((each) => `  ${each}`)]),
      `ended with ${result?.code ?? result?.signal ?? 'nothing'} and said:`,
      ...(result?.stdout ?? '').split('\n').map((each) => `  ${each}`),
      this.#lab.logTails(),
    ].join('\n');
  }
}
