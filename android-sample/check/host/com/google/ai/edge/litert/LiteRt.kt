// For checking only, never shipped: names and signatures of LiteRT 2.3's Kotlin interface, as far as the app uses them,
// over the C interface of the same runtime's libLiteRt.so for this machine, through JNA.
package com.google.ai.edge.litert

import android.content.res.AssetManager
import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference

class LiteRtException(message: String) : Exception(message)

enum class Accelerator(val value: Int) { NONE(0), CPU(1), GPU(2), NPU(3) }

class Environment private constructor()

abstract class JniHandle internal constructor() : AutoCloseable {
    private var open = true

    protected abstract fun destroy()

    protected fun assertNotDestroyed() = check(open) { "The handle has been destroyed." }

    final override fun close() {
        if (open) destroy()
        open = false
    }
}

internal object Runtime {
    private const val LOCK_READ = 0
    private const val LOCK_WRITE = 1
    private val library: NativeLibrary = NativeLibrary.getInstance(System.getProperty("litert.library"))
    val environment: Pointer by lazy { pointer("LiteRtCreateEnvironment", 0, Pointer.NULL) }

    fun call(function: String, vararg arguments: Any?) {
        val status = library.getFunction(function).invokeInt(arguments)
        if (status != 0) throw LiteRtException("$function: status $status")
    }

    fun free(function: String, pointer: Pointer) = library.getFunction(function).invokeVoid(arrayOf(pointer))

    fun pointer(function: String, vararg arguments: Any?): Pointer =
        PointerByReference().also { call(function, *arguments, it) }.value

    fun count(function: String, vararg arguments: Any?): Long = Memory(8).also { call(function, *arguments, it) }.getLong(0)

    fun <T> locked(buffer: Pointer, write: Boolean, use: (Pointer) -> T): T {
        val address = PointerByReference()
        call("LiteRtLockTensorBuffer", buffer, address, if (write) LOCK_WRITE else LOCK_READ)
        try {
            return use(address.value)
        } finally {
            call("LiteRtUnlockTensorBuffer", buffer)
        }
    }
}

class TensorBuffer internal constructor(internal val pointer: Pointer) : JniHandle() {
    private val bytes = Runtime.count("LiteRtGetTensorBufferPackedSize", pointer)

    fun writeInt8(data: ByteArray) {
        assertNotDestroyed()
        if (data.size.toLong() != bytes) throw LiteRtException("${data.size} bytes for a buffer of $bytes")
        Runtime.locked(pointer, write = true) { it.write(0, data, 0, data.size) }
    }

    fun readFloat(): FloatArray {
        assertNotDestroyed()
        return Runtime.locked(pointer, write = false) { it.getFloatArray(0, (bytes / 4).toInt()) }
    }

    override fun destroy() = Runtime.free("LiteRtDestroyTensorBuffer", pointer)
}

class CompiledModel private constructor(private val model: Pointer, private val compiled: Pointer) : JniHandle() {
    class Options(internal vararg val accelerators: Accelerator) {
        companion object {
            @JvmStatic
            val CPU = Options(Accelerator.CPU)
        }
    }

    private val signature = Runtime.pointer("LiteRtGetModelSignature", model, 0L)

    private fun names(kind: String): List<String> = (0 until Runtime.count("LiteRtGetNumSignature${kind}s", signature)).map {
        Runtime.pointer("LiteRtGetSignature${kind}Name", signature, it).getString(0)
    }

    private fun buffer(kind: String, name: String): TensorBuffer {
        assertNotDestroyed()
        val index = names(kind).indexOf(name).toLong()
        if (index < 0) throw LiteRtException("no $kind $name")
        val tensor = Runtime.pointer("LiteRtGetSignature${kind}TensorByIndex", signature, index)
        val type = Memory(72).also { Runtime.call("LiteRtGetRankedTensorType", tensor, it) }
        val wanted = Runtime.pointer("LiteRtGetCompiledModel${kind}BufferRequirements", compiled, 0L, index)
        return TensorBuffer(Runtime.pointer("LiteRtCreateManagedTensorBufferFromRequirements", Runtime.environment, type, wanted))
    }

    fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer = buffer("Input", inputName)

    fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer = buffer("Output", outputName)

    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null) {
        assertNotDestroyed()
        val (given, wanted) = listOf("Input" to inputs, "Output" to outputs).map { (kind, buffers) ->
            val pointers = names(kind).map { buffers.getValue(it).pointer }
            Memory(8L * pointers.size).also { memory -> pointers.forEachIndexed { index, it -> memory.setPointer(8L * index, it) } }
        }
        Runtime.call("LiteRtRunCompiledModel", compiled, 0L, inputs.size.toLong(), given, outputs.size.toLong(), wanted)
    }

    override fun destroy() {
        Runtime.free("LiteRtDestroyCompiledModel", compiled)
        Runtime.free("LiteRtDestroyModel", model)
    }

    companion object {
        @JvmStatic
        fun create(assetManager: AssetManager, assetName: String, options: Options = Options.CPU, optionalEnv: Environment? = null): CompiledModel {
            val model = Runtime.pointer("LiteRtCreateModelFromFile", Runtime.environment, assetManager.file(assetName).path)
            val wanted = Runtime.pointer("LiteRtCreateOptions")
            // the C interface has a bit for each, in the order of the enumeration
            Runtime.call("LiteRtSetOptionsHardwareAccelerators", wanted, options.accelerators.sumOf { 1 shl (it.value - 1) })
            return CompiledModel(model, Runtime.pointer("LiteRtCreateCompiledModel", Runtime.environment, model, wanted))
        }
    }
}
