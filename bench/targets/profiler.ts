/**
 * Loaded into our service before anything else, to profile it from the first SIGUSR2 to the second: what starting and
 * warming up cost is left out. Only types may need to be stripped here: no hook of ours is there.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const SAMPLE_MICROS = 250;

const session = new Session();
session.connect();
let running = false;

async function toggle(): Promise<void> {
  if (!running) {
    running = true;
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS });
    await session.post('Profiler.start');
    return;
  }
  const { profile } = await session.post('Profiler.stop');
  writeFileSync(process.env.PROFILE_FILE ?? 'service.cpuprofile', JSON.stringify(profile));
}

process.on('SIGUSR2', () => void toggle());
