package org.edgefrac.app

import android.content.res.AssetManager
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import org.edgefrac.core.Accelerator
import org.edgefrac.core.Contract
import org.edgefrac.core.Engine
import org.edgefrac.core.NetworkOutput
import org.edgefrac.core.Refusal
import com.google.ai.edge.litert.Accelerator as LiteRtAccelerator

/** The model in LiteRT's CompiledModel; the only file that knows LiteRT. Its buffers are made once. */
class LiteRtEngine private constructor(
    private val model: CompiledModel,
    private val contract: Contract,
    override val accelerator: Accelerator,
) : Engine {
    private val input = model.createInputBuffer(contract.input.name)
    private val probability = model.createOutputBuffer(contract.probability.name)
    private val evidence = model.createOutputBuffer(contract.evidence.name)
    private val inputs = mapOf(contract.input.name to input)
    private val outputs = mapOf(contract.probability.name to probability, contract.evidence.name to evidence)

    override fun run(input: ByteArray): NetworkOutput {
        if (input.size != contract.input.size * contract.input.size) {
            throw Refusal("${input.size} bytes are not the model's input")
        }
        val output = try {
            // LiteRT's bytes are signed by name only: the model's uint8 goes in as it is
            this.input.writeInt8(input)
            model.run(inputs, outputs)
            NetworkOutput(probability.readFloat(), evidence.readFloat())
        } catch (error: LiteRtException) {
            throw Refusal("LiteRT failed on $accelerator: ${error.message}", error)
        }
        if (output.probability.size != contract.probability.values || output.evidence.size != contract.evidence.values) {
            throw Refusal("The model's outputs are not those that its contract promises")
        }
        if (output.probability.any { it.isNaN() || it.isInfinite() }) {
            throw Refusal("The model's probability is not a finite number")
        }
        return output
    }

    override fun close() {
        (inputs.values + outputs.values).forEach { it.close() }
        model.close()
    }

    companion object {
        /**
         * Compile the asset [path] for one accelerator alone; throws a `LiteRtException` where the phone cannot, and a
         * [Refusal] where LiteRT has no library for its processor.
         */
        fun open(assets: AssetManager, path: String, contract: Contract, accelerator: Accelerator): LiteRtEngine {
            val alone = when (accelerator) {
                Accelerator.NPU -> LiteRtAccelerator.NPU
                Accelerator.GPU -> LiteRtAccelerator.GPU
                Accelerator.CPU -> LiteRtAccelerator.CPU
            }
            val model = try {
                CompiledModel.create(assets, path, CompiledModel.Options(alone), null)
            } catch (error: LinkageError) {
                throw Refusal("LiteRT has no library for this processor", error)
            }
            return try {
                LiteRtEngine(model, contract, accelerator)
            } catch (error: LiteRtException) {
                model.close()
                throw error
            }
        }
    }
}
