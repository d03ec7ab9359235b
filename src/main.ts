/** `npm start`: serves until it is told to end. */
import { serve } from './serve.js';

await serve();
