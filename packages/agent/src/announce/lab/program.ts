// SPDX-License-Identifier: Apache-2.0
import { createInterface } from 'node:readline';

/** Answers the commands of a lab test, one JSON object a line; see `LabProgram` for the other end. */
export function serveCommands(handle: (command: Record<string, unknown>) => object | Promise<object>): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    Promise.resolve()
      .then(() => handle(JSON.parse(line) as Record<string, unknown>))
      .then(
        (answer) => print({ answer }),
        (error: unknown) =>
          print({ answer: { error: error instanceof Error ? error.message : String(error) } }),
      );
  });
  lines.on('close', () => process.exit(0));
}

/** Tells the test something that it did not ask for. */
export function report(fact: object): void {
  print({ report: fact });
}

function print(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
