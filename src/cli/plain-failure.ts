/** A command that ends with one sentence for a person: no stack trace, no cause, nothing secret or personal in it. */
export class PlainFailure extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = 'PlainFailure';
  }
}

/** Runs the action of a command: a `PlainFailure` becomes its sentence on stderr and exit status 1, all else is thrown on. */
export async function endPlainly(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof PlainFailure)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
