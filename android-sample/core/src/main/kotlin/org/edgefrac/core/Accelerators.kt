package org.edgefrac.core

import java.util.Locale

/** What is kept between starts, by a name; a phone's preferences. */
interface Memory {
    fun read(name: String): String?

    fun write(name: String, value: String)
}

/** How an accelerator fared. */
enum class Verdict {
    /** It reproduced the golden vectors. */
    PASSED,

    /** It computes something else, and is not used. */
    REFUSED,

    /** The phone, or the runtime, does not have it. */
    ABSENT,

    /** An earlier one passed. */
    NOT_TRIED,
}

/** One line of the self-test: [words] say why, or how far off its answers were. */
class Trial(val accelerator: Accelerator, val verdict: Verdict, val words: String)

/** The engine in use, and what was found on the way to it. */
class Choice(val engine: Engine, val trials: List<Trial>)

/**
 * Tries NPU, GPU and CPU one at a time, because a runtime that is given several falls back without a word.
 *
 * [identity] names system, app and model: when any of them changes, all that is remembered is asked again.
 */
class Accelerators(
    private val opener: EngineOpener,
    private val selfTest: SelfTest,
    private val memory: Memory,
    private val identity: String,
) {
    /** The first accelerator that reproduces the golden vectors. Throws a [Refusal] where none does. */
    fun choose(): Choice {
        val remembered = remembered()
        val trials = ArrayList<Trial>()
        for (accelerator in Accelerator.order) {
            val before = remembered.firstOrNull { it.accelerator == accelerator }
            if (before != null && before.verdict in NEVER_AGAIN) {
                trials.add(before)
                continue
            }
            val (engine, trial) = tried(accelerator, before, trials)
            trials.add(trial)
            remember(trials)
            if (engine != null) return Choice(engine, trials + left(trials))
        }
        val reasons = trials.joinToString("\n") { "${it.accelerator}: ${it.words}" }
        throw Refusal("No processor of this phone computes what the model was certified for.\n$reasons")
    }

    /** Ask every accelerator again at the next [choose]. */
    fun forget() = memory.write(NAME, "")

    private fun tried(accelerator: Accelerator, before: Trial?, trials: List<Trial>): Pair<Engine?, Trial> {
        // a driver that takes the app down leaves this behind, and is not tried a second time
        if (before == null) remember(trials + Trial(accelerator, Verdict.REFUSED, DIED))
        val engine = try {
            opener.open(accelerator)
        } catch (error: Exception) {
            return null to Trial(accelerator, Verdict.ABSENT, error.message ?: error.javaClass.simpleName)
        }
        if (before?.verdict == Verdict.PASSED) return engine to before
        return try {
            val off = selfTest.checkTheAccelerator(engine)
            val words = "probability within %.2g, evidence within %.2g, %.1f ms"
                .format(Locale.ROOT, off.probability, off.evidence, off.milliseconds)
            engine to Trial(accelerator, Verdict.PASSED, words)
        } catch (error: Refusal) {
            engine.close()
            null to Trial(accelerator, Verdict.REFUSED, error.message.orEmpty())
        }
    }

    private fun left(trials: List<Trial>): List<Trial> =
        (Accelerator.order - trials.map { it.accelerator }.toSet()).map { Trial(it, Verdict.NOT_TRIED, "") }

    private fun remember(trials: List<Trial>) {
        val rows = trials.joinToString(",") {
            "{\"accelerator\":\"${it.accelerator}\",\"verdict\":\"${it.verdict}\",\"words\":${Json.quoted(it.words)}}"
        }
        memory.write(NAME, "{\"schema\":\"$SCHEMA\",\"identity\":${Json.quoted(identity)},\"trials\":[$rows]}")
    }

    private fun remembered(): List<Trial> = try {
        val json = Json.parse(memory.read(NAME) ?: return emptyList(), "what was remembered").requireSchema(SCHEMA)
        val trials = json["trials"].items().map(::trial)
        // where nothing passed, the reason may have been a passing one, such as too little memory
        val hopeless = trials.size == Accelerator.order.size && trials.none { it.verdict == Verdict.PASSED }
        if (json["identity"].text() != identity || hopeless) emptyList() else trials
    } catch (_: Refusal) {
        emptyList()
    }

    private fun trial(json: Json): Trial {
        val accelerator = Accelerator.entries.firstOrNull { it.name == json["accelerator"].text() }
        val verdict = Verdict.entries.firstOrNull { it.name == json["verdict"].text() }
        if (accelerator == null || verdict == null) throw Refusal("unknown accelerator or verdict")
        return Trial(accelerator, verdict, json["words"].text())
    }

    private companion object {
        const val NAME = "self-test"
        const val SCHEMA = "edgefrac.app-self-test/1"
        const val DIED = "the app was ended while it tried this one"
        val NEVER_AGAIN = setOf(Verdict.REFUSED, Verdict.ABSENT)
    }
}
