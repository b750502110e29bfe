package org.edgefrac.core

/** Where a network runs. [order] is the order in which they are tried. */
enum class Accelerator {
    NPU, GPU, CPU;

    companion object {
        val order: List<Accelerator> = listOf(NPU, GPU, CPU)
    }
}

/** What the network says: [probability] is calibrated, [K]; [evidence] is [h·w·K] in log-odds, channels last. */
class NetworkOutput(val probability: FloatArray, val evidence: FloatArray)

/** A model, compiled for one accelerator; not for several threads at once. */
interface Engine : AutoCloseable {
    val accelerator: Accelerator

    /** Run on one network input, S·S bytes. Throws a [Refusal] where the runtime fails or answers with no number. */
    fun run(input: ByteArray): NetworkOutput
}

/** Compiles the app's model for one accelerator, alone; throws where the phone cannot. */
fun interface EngineOpener {
    fun open(accelerator: Accelerator): Engine
}
